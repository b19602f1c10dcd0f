package edge

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// pulled is the socket of a link whose frames an HTTP handler takes when it has a request for them. Where there is no such
// handler, or it has all that there is, the link is blocked as it is by a socket that takes no more; the handler then is
// what the goroutine of a drain is elsewhere.
type pulled struct {
	link  *link
	ready chan struct{} // capacity 1: the worker has handed the link to the handler that waits
	gone  chan struct{} // closed by close
	// attempt is the one of its client's that made it; 0: the client does not count them.
	attempt uint64
	// latest is the number of the poll that had the link last; 0: its client does not count them.
	latest atomic.Uint64
	// recalled means that the handler wants the link back.
	recalled atomic.Bool

	// Of the handler that has the link.
	given    *wire.Cursor // of what was given out last; nil: nothing was
	answered uint64       // number of the poll that was given frames last
	claims   uint64       // tells those that the link has from others

	mu     sync.Mutex
	holder *hold // the handler that has the link; nil: none
	since  int64 // when the last one let go
	closed bool
}

var _ socket = (*pulled)(nil)

// hold is one handler's time with a link.
type hold struct {
	wanted chan struct{} // closed when another handler wants the link
	asked  bool          // wanted is closed; guarded by pulled.mu
	done   chan struct{} // closed when the handler lets go
}

// pull opens the link for handlers. The caller has it, and calls letGo.
func (l *link) pull() (*pulled, *hold) {
	s := &pulled{link: l, ready: make(chan struct{}, 1), gone: make(chan struct{})}
	h := newHold()
	s.holder = h
	l.socket = s
	l.state.Store(stateBlocked)
	l.watchTime()
	return s, h
}

func newHold() *hold { return &hold{wanted: make(chan struct{}), done: make(chan struct{})} }

// acquire gives the link to the caller, who calls letGo; whoever has it is asked for it. It returns nil when the link is
// gone or ctx is done.
func (s *pulled) acquire(ctx context.Context) *hold {
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return nil
		}
		h := s.holder
		if h == nil {
			h = newHold()
			s.holder = h
			s.mu.Unlock()
			return h
		}
		if !h.asked {
			h.asked = true
			close(h.wanted)
		}
		s.mu.Unlock()
		select {
		case <-h.done:
		case <-ctx.Done():
			return nil
		}
	}
}

// letGo leaves the link to the next handler, unless it was closed meanwhile.
func (s *pulled) letGo(h *hold) {
	s.mu.Lock()
	s.holder, s.since = nil, s.link.edge.now()
	closed := s.closed
	s.mu.Unlock()
	close(h.done)
	if closed {
		s.remove()
	}
}

// retire ends the link, which another one has replaced.
func (s *pulled) retire(ctx context.Context) {
	h := s.acquire(ctx)
	s.close()
	if h != nil {
		s.letGo(h)
	}
}

// gone says why the handler has no link any more.
func (h *hold) gone() *problem {
	select {
	case <-h.wanted:
		return refuse(http.StatusConflict, "another request of this connection has come")
	default:
		return unavailable("the link has ended")
	}
}

// remove removes the link. It is called once.
func (s *pulled) remove() {
	s.link.close(false)
	s.link.edge.open.Done()
}

// Why take returns.
type taken int

const (
	takenFrames taken = iota
	takenNothing
	takenAway // another handler wants the link, or it was closed
)

// maxTake is how many bytes one call of take returns, and a little more.
const maxTake = 256 << 10

// take returns what the link is to get next. It waits for that until limit is due, another handler wants the link or ctx is
// done. The caller has the link, and looks at its finished: nothing more comes then.
func (s *pulled) take(ctx context.Context, h *hold, limit <-chan time.Time) ([][]byte, taken) {
	l := s.link
	for {
		if bufs := s.collect(); len(bufs) > 0 || l.finished {
			return bufs, takenFrames
		}
		l.state.Store(stateIdle)
		l.worker.touch(l) // something may have come meanwhile
		why := takenAway
		select {
		case <-s.ready:
			continue
		case <-s.gone:
		case <-h.wanted:
		case <-ctx.Done():
		case <-limit:
			why = takenNothing
		}
		s.recalled.Store(true)
		l.worker.touch(l)
		<-s.ready
		s.recalled.Store(false)
		if why == takenNothing {
			if bufs := s.collect(); len(bufs) > 0 || l.finished {
				return bufs, takenFrames
			}
		}
		return nil, why
	}
}

// collect returns what there is for the link.
func (s *pulled) collect() [][]byte {
	l := s.link
	l.lookBehind()
	var all [][]byte
	size := 0
	for {
		bufs, more := l.gather(nil, nil, nil)
		for _, b := range bufs {
			size += len(b)
		}
		all = append(all, bufs...)
		l.remember()
		if !more || size >= maxTake {
			l.edge.count.bytesOut.Add(int64(size))
			return all
		}
	}
}

// wake hands the link to the handler that waits. The worker, who calls it, has blocked the link.
func (s *pulled) wake() { s.ready <- struct{}{} }

// idle reports whether no handler has the link.
func (s *pulled) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.holder == nil
}

// lingers returns until when the link waits for a handler; it always does while there is one.
func (s *pulled) lingers(now int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holder != nil {
		return now + int64(s.link.edge.timing.Linger)
	}
	return s.since + int64(s.link.edge.timing.Linger)
}

// close ends the link, once its handler has let go.
func (s *pulled) close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	close(s.gone)
	held := s.holder != nil
	s.mu.Unlock()
	if !held {
		s.remove()
	}
}

func (s *pulled) try([][]byte) (int, error) { return 0, nil }

// write and read are not called: handlers take, and nothing comes.
func (s *pulled) write([][]byte, time.Duration) (int, error) { return 0, net.ErrClosed }
func (s *pulled) read() ([]byte, error)                      { return nil, net.ErrClosed }

func (s *pulled) release()    {}
func (s *pulled) settled()    {}
func (s *pulled) closeWrite() {}

// unsent reports whether the handler gets the link though there is nothing for it. Whoever holds the link calls it.
func (s *pulled) unsent() bool { return s.recalled.Load() || s.link.finished }
