package edge

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/edge/internal/ring"
)

const (
	// share of a worker's time that sweeps of rings may take, as 1/share, until the pace is
	// stretched as far as it goes.
	paceFactor = 4
	// stint is how many links a sweep serves before it lets others run, and serves links that something came
	// for alone: about half a millisecond.
	stint = 64
	// minPace is the pause that is not worth waiting for.
	minPace = 500 * time.Microsecond
)

// worker sweeps the rings for its share of the links. The goroutine that calls run holds every
// link that is idle.
type worker struct {
	edge  *Edge
	index int
	// poller reads from the sockets of the worker's links, where it can.
	poller *poller
	woken  chan struct{}

	mu    sync.Mutex
	links []*link // to flush; at most one entry for each link
	fans  []*fan  // to sweep; at most one entry for each fan
	fresh []deadline

	dead atomic.Int64 // links that have ended and may have deadlines

	// Of run.
	spareLinks []*link
	spareFans  []*fan
	late       []*fan // to sweep when their time has come
	due        int64  // of the first of late; 0: none
	deadlines  deadlines
	bufs       [][]byte
	scratch    []*link
	writes     writes
}

func newWorker(e *Edge, index int) *worker {
	return &worker{edge: e, index: index, poller: new(poller), woken: make(chan struct{}, 1)}
}

func (w *worker) wake() {
	select {
	case w.woken <- struct{}{}:
	default: // it has been woken already
	}
}

// touch has the link flushed.
func (w *worker) touch(l *link) {
	if l.queued.Swap(true) {
		return
	}
	w.mu.Lock()
	w.links = append(w.links, l)
	w.mu.Unlock()
	w.wake()
}

// mark has the worker's share of the fan swept.
func (w *worker) mark(f *fan) {
	w.mu.Lock()
	w.fans = append(w.fans, f)
	w.mu.Unlock()
	w.wake()
}

// run sweeps until ctx is done.
func (w *worker) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if next := w.next(); next > 0 {
			timer.Reset(time.Duration(max(next-w.edge.now(), 0)))
		} else {
			timer.Reset(time.Hour)
		}
		select {
		case <-ctx.Done():
			return
		case <-w.woken:
			runtime.Gosched() // what was about to come goes out in the same write
		case <-timer.C:
		}
		w.pass()
	}
}

// next returns when the worker has something to do though nobody wakes it; 0: never.
func (w *worker) next() int64 {
	next := w.due
	if len(w.deadlines) > 0 && (next == 0 || w.deadlines[0].when < next) {
		next = w.deadlines[0].when
	}
	return next
}

// pass flushes the links that something came for, then sweeps the rings whose time has come.
func (w *worker) pass() {
	w.mu.Lock()
	fans, fresh := w.fans, w.fresh
	w.fans, w.fresh = w.spareFans[:0], nil
	w.mu.Unlock()

	for _, d := range fresh {
		w.deadlines.push(d)
	}
	w.expire()
	w.flushLinks()
	w.sweepAll(fans)

	clear(fans)
	w.spareFans = trim(fans)
}

// flushLinks flushes the links that something came for.
func (w *worker) flushLinks() {
	w.mu.Lock()
	links := w.links
	w.links = w.spareLinks[:0]
	w.mu.Unlock()
	for _, l := range links {
		l.queued.Store(false)
		w.flush(l, nil, nil)
	}
	w.countWrites()
	clear(links)
	w.spareLinks = trim(links)
}

// trim keeps the memory of a list that is not far too large.
func trim[T any](s []T) []T {
	if cap(s) > 4096 && len(s) < cap(s)/8 {
		return nil
	}
	return s[:0]
}

// sweepAll sweeps the fans, and those put off before, whose time has come. A ring's time comes
// later the longer sweeps take, so that under load more messages share a sweep.
func (w *worker) sweepAll(fans []*fan) {
	now := w.edge.now()
	if w.due != 0 && w.due <= now {
		fans = append(fans, w.late...)
		clear(w.late)
		w.late, w.due = w.late[:0], 0
	}
	if len(fans) == 0 {
		return
	}
	swept := fans[:0]
	for _, f := range fans {
		if due := f.shares[w.index].due; due > now {
			w.late = append(w.late, f)
			if w.due == 0 || due < w.due {
				w.due = due
			}
			continue
		}
		swept = append(swept, f)
	}
	for _, f := range swept {
		w.sweep(f)
	}
	took := time.Duration(w.edge.now() - now)
	pause := min(paceFactor*took, w.edge.timing.Pace)
	if pause < minPace {
		return
	}
	for _, f := range swept {
		f.shares[w.index].due = now + int64(pause)
	}
}

// sweep hands every link of the worker's share of the fan what is new in the ring.
func (w *worker) sweep(f *fan) {
	s := &f.shares[w.index]
	s.queued.Store(false) // what is appended from here on has it marked again
	v := f.ring.View()
	s.mu.Lock()
	w.scratch = append(w.scratch[:0], s.links...)
	s.mu.Unlock()
	for i, l := range w.scratch {
		if i%stint == stint-1 {
			runtime.Gosched()
			w.flushLinks()
		}
		if !l.queued.Load() { // otherwise it is about to be flushed
			w.flush(l, f.ring, &v)
		}
	}
	w.countWrites()
	clear(w.scratch)
	w.scratch = trim(w.scratch)
	w.edge.count.sweeps.Add(1)
}

// flush writes what the link is to get, as far as the socket takes it.
func (w *worker) flush(l *link, of *ring.Ring, v *ring.View) {
	if l.state.Load() != stateIdle {
		return
	}
	for left := maxFlush; ; {
		bufs, more := l.gather(w.bufs[:0], of, v)
		w.bufs = bufs[:0]
		of, v = nil, nil
		if len(bufs) == 0 {
			if more {
				continue
			}
			if l.socket.unsent() { // its reader had something to say
				w.block(l)
			}
			return
		}
		bufs, total := l.cut(bufs, left)
		n, err := l.socket.try(bufs)
		w.edge.count.writes.Add(1)
		w.edge.count.bytesOut.Add(int64(n))
		left -= n
		if err != nil {
			l.fail()
			return
		}
		if n < total {
			l.out = append(remaining(bufs, n), l.out...)
		}
		if len(l.out) > 0 || l.socket.unsent() {
			w.block(l)
			return
		}
		w.wrote(l.oldest)
		l.oldest = 0
		switch {
		case left <= 0:
			w.block(l)
			return
		case l.finished:
			if l.socket.closeWrite(); l.socket.unsent() {
				w.block(l)
			}
			return
		case !more:
			return
		}
	}
}

// cut keeps what goes beyond most bytes for later, and returns the rest and its size.
func (l *link) cut(bufs [][]byte, most int) ([][]byte, int) {
	total := 0
	for i, b := range bufs {
		if n := most - total; len(b) > n {
			l.out = append([][]byte{b[n:]}, bufs[i+1:]...)
			bufs[i] = b[:n]
			return bufs[:i+1], most
		}
		total += len(b)
	}
	return bufs, total
}

// remaining returns a copy of the list bufs without its first n bytes.
func remaining(bufs [][]byte, n int) [][]byte {
	for len(bufs) > 0 && n >= len(bufs[0]) {
		n -= len(bufs[0])
		bufs = bufs[1:]
	}
	rest := slices.Clone(bufs)
	if n > 0 {
		rest[0] = rest[0][n:]
	}
	return rest
}

// block hands the link to a goroutine of its own until its socket has taken everything.
func (w *worker) block(l *link) {
	l.remember()
	if s, ok := l.socket.(*pulled); ok {
		if l.state.CompareAndSwap(stateIdle, stateBlocked) {
			s.wake()
		}
		return
	}
	w.edge.count.blocked.Add(1)
	if l.state.CompareAndSwap(stateIdle, stateBlocked) {
		w.edge.drains.Go(l.drain)
	}
}

// drain writes what the link is to get, waiting for its socket, until there is nothing more.
func (l *link) drain() {
	patience := l.edge.timing.Drained
	for {
		if len(l.out) == 0 && !l.socket.unsent() {
			l.delivered()
			l.lookBehind()
			var more bool
			if l.out, more = l.gather(nil, nil, nil); len(l.out) == 0 {
				if more {
					continue
				}
				break
			}
			l.remember()
		}
		n, err := l.socket.write(l.out, patience)
		l.edge.count.writes.Add(1)
		l.edge.count.bytesOut.Add(int64(n))
		if n > 0 || err == nil {
			l.out = remaining(l.out, n)
			continue
		}
		if errors.Is(err, os.ErrDeadlineExceeded) && !l.ending.Load() {
			l.slow("the client does not read")
			patience = l.edge.timing.Close
			continue
		}
		l.fail()
		return
	}
	l.socket.settled()
	if l.finished {
		l.socket.closeWrite()
	}
	l.out = nil
	l.state.CompareAndSwap(stateBlocked, stateIdle)
	l.worker.touch(l)
}

// lookBehind gives up on what a link has missed while it was blocked, when that is more than a
// fresh state.
func (l *link) lookBehind() {
	if l.ring == nil || len(l.now) > 0 || l.pos < l.replay {
		return
	}
	limit := max(int64(l.edge.memory.Behind), l.viewBytes.Load())
	if v := l.ring.View(); l.pos >= v.Tail && int64(v.Head-l.pos) > limit {
		l.conflate()
	}
}

// remember notes where the link is before it waits, for when its place is gone afterwards.
func (l *link) remember() {
	if l.ring != nil && !l.revKnown {
		l.rev, l.revKnown = l.ring.RevisionAt(l.pos)
	}
}

// fail gives up on a socket that broke. Its reader notices and ends the link.
func (l *link) fail() {
	l.state.Store(stateDead)
	l.out = nil
	l.socket.close()
}
