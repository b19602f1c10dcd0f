package edge

import (
	"container/heap"
	"slices"
)

// deadline is a time at which a worker looks at a link.
type deadline struct {
	when int64 // ns since the edge was made
	link *link
	what deadlineKind
}

type deadlineKind uint8

const (
	deadlinePing   deadlineKind = iota // the next heartbeat
	deadlineToken                      // the token expires
	deadlineSocket                     // the socket closes, whatever the peer does
	deadlineLinger                     // no handler has come for the link
)

// deadlines is a heap, one for each worker, instead of timers for each link.
type deadlines []deadline

func (h deadlines) Len() int           { return len(h) }
func (h deadlines) Less(i, j int) bool { return h[i].when < h[j].when }
func (h deadlines) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push is part of heap.Interface.
func (h *deadlines) Push(x any) { *h = append(*h, x.(deadline)) }

// Pop is part of heap.Interface.
func (h *deadlines) Pop() any {
	old := *h
	d := old[len(old)-1]
	old[len(old)-1] = deadline{}
	*h = old[:len(old)-1]
	return d
}

func (h *deadlines) push(d deadline) { heap.Push(h, d) }

// schedule has the worker look at the link at that time.
func (w *worker) schedule(d deadline) {
	w.mu.Lock()
	w.fresh = append(w.fresh, d)
	w.mu.Unlock()
	w.wake()
}

// expire looks at the links whose deadlines have passed.
func (w *worker) expire() {
	w.forget()
	now := w.edge.now()
	for len(w.deadlines) > 0 && w.deadlines[0].when <= now {
		d := &w.deadlines[0]
		if next := d.link.due(d.what, now); next > 0 {
			d.when = next
			heap.Fix(&w.deadlines, 0)
			continue
		}
		heap.Pop(&w.deadlines)
	}
}

// deadAtOnce is how many links end before it is worth looking for their deadlines.
const deadAtOnce = 64

// ended notes that one of the worker's links is dead. What it would have waited for would else keep it in memory: a
// token that expires in a day, for a day.
func (w *worker) ended() {
	if w.dead.Add(1)%deadAtOnce == 0 {
		w.wake()
	}
}

// forget drops the deadlines of dead links once those are about as many as the live ones: a link has two deadlines
// most of the time.
func (w *worker) forget() {
	dead := w.dead.Load()
	if dead < deadAtOnce || 4*dead < int64(len(w.deadlines)) {
		return
	}
	w.dead.Add(-dead)
	w.deadlines = slices.DeleteFunc(w.deadlines, func(d deadline) bool { return d.link.state.Load() == stateDead })
	if cap(w.deadlines) > 4*len(w.deadlines) {
		w.deadlines = slices.Clone(w.deadlines)
	}
	heap.Init(&w.deadlines)
}
