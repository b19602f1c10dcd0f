package state

import (
	"runtime"
	"sync"
)

// keptRunners returns how many goroutines that have nothing to do are kept.
func keptRunners() int { return 32 * runtime.GOMAXPROCS(0) }

// runners are the goroutines that take turns. One that is done is kept for the next entity: its stack has
// grown to what a turn needs, and growing a new one costs more than all else of starting a turn. There is always
// one to be had, so that no entity waits for another's handler.
type runners struct {
	mu     sync.Mutex
	idle   []chan *entity // of those kept; the one used last comes first
	kept   sync.WaitGroup // goroutines in idle, or about to leave it
	most   int            // how many are kept
	closed bool           // none is kept any more
}

// run has the entity's turns taken.
func (r *runners) run(e *entity) {
	r.mu.Lock()
	last := len(r.idle) - 1
	if last < 0 {
		r.mu.Unlock()
		go r.work(e) // the partition waits for its turns
		return
	}
	next := r.idle[last]
	r.idle = r.idle[:last]
	r.mu.Unlock()
	next <- e // has room for it
}

// work takes turns of one entity after the other, for as long as it is kept.
func (r *runners) work(e *entity) {
	var next chan *entity
	for e != nil {
		e.run()
		if next == nil {
			next = make(chan *entity, 1)
		}
		if !r.keep(next) {
			return
		}
		e = <-next
		r.kept.Done()
	}
}

// keep makes the caller one that is kept, unless there are enough.
func (r *runners) keep(next chan *entity) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || len(r.idle) >= r.most {
		return false
	}
	r.kept.Add(1)
	r.idle = append(r.idle, next)
	return true
}

// close ends those that are kept, and waits for them. Turns still under way are waited for by their partitions.
func (r *runners) close() {
	r.mu.Lock()
	r.closed = true
	for _, next := range r.idle {
		close(next)
	}
	r.idle = nil
	r.mu.Unlock()
	r.kept.Wait()
}
