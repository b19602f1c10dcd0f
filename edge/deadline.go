package edge

import "container/heap"

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
