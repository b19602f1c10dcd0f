package edge

import (
	"sync"
	"sync/atomic"

	"github.com/tutti-rt/tutti/edge/internal/ring"
	"github.com/tutti-rt/tutti/wire"
)

// fan is one ring with the links that follow it: those at one entity that see the same, on the same
// kind of link.
type fan struct {
	audience  string
	presence  bool // its links want to know who is here
	transport transport
	epoch     string
	owner     uint64 // number of the owner that has sent the ring what there was before; guarded by hub.mu

	ring   *ring.Ring
	shares []share // one for each worker
	links  int     // guarded by hub.mu
	fed    int     // of these, those that the owner has not given up; guarded by hub.mu
}

// share is the links of a fan that one worker sweeps.
type share struct {
	queued atomic.Bool // on the worker's list
	due    int64       // when it may be swept again; of the worker

	mu    sync.Mutex
	links []*link
}

// join adds the link to its worker's share. hub.mu is held.
func (f *fan) join(l *link) {
	f.links++
	if !l.forsaken {
		f.fed++
	}
	l.fan = f
	s := &f.shares[l.worker.index]
	s.mu.Lock()
	defer s.mu.Unlock()
	l.slot = len(s.links)
	s.links = append(s.links, l)
}

// part removes the link. hub.mu is held.
func (f *fan) part(l *link) {
	f.links--
	if !l.forsaken {
		f.fed--
	}
	l.fan = nil
	s := &f.shares[l.worker.index]
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.links) - 1
	s.links[l.slot] = s.links[last]
	s.links[l.slot].slot = l.slot
	s.links[last] = nil
	s.links = s.links[:last]
}

// append adds a frame to the ring and has it swept. hub.mu is held.
func (f *fan) append(workers []*worker, frame []byte, e *wire.Envelope) {
	start, end := f.ring.Append(frame, e.Revision, e.Kind != wire.KindEvent, ring.StampOf(e.Sent))
	if start == end {
		return // known already
	}
	for i := range f.shares {
		s := &f.shares[i]
		if s.queued.Load() || s.empty() || s.queued.Swap(true) {
			continue
		}
		workers[i].mark(f)
	}
}

func (s *share) empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.links) == 0
}
