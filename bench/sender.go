package bench

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"github.com/tutti-rt/tutti/wire"
)

const (
	maxUnanswered = 256              // commands that a connection may have unanswered
	drain         = 20 * time.Second // for what is under way when a run ends
)

// sender sends commands on one link and takes their acknowledgements.
type sender struct {
	link   *link
	number int
	phase  *phase
	// compose appends name and data of the next command: ,"name":"add","data":{}. due is when it
	// was to be sent.
	compose func(dst []byte, due int64) []byte
	// acked is called for each acknowledgement.
	acked func(rev uint64)
	// sampled is called with when a command was due and how long its acknowledgement took, in ns; it may be nil.
	sampled func(due, took int64)
	took    *recorder

	buf    []byte
	issued uint64
	due    [maxUnanswered]atomic.Int64 // by id
	free   chan struct{}               // in an open loop: a token for each command that may be sent

	answered atomic.Uint64 // acknowledgements
	measured atomic.Uint64 // acknowledgements while measuring
	refused  atomic.Uint64 // rejections
	refusal  atomic.Pointer[string]
	issuedTo atomic.Uint64 // published copy of issued
	issuing  atomic.Bool   // an open loop may issue more
}

// issue queues the next command.
func (s *sender) issue(due int64) {
	s.issued++
	s.due[s.issued%maxUnanswered].Store(due)
	s.buf = strconv.AppendUint(append(s.buf[:0], `{"type":"command","id":`...), s.issued, 10)
	s.buf = append(s.compose(s.buf, due), '}')
	s.link.queue(ws.OpText, s.buf)
	s.issuedTo.Store(s.issued)
}

// outstanding returns how many commands have no answer yet.
func (s *sender) outstanding() uint64 {
	return s.issuedTo.Load() - s.answered.Load() - s.refused.Load()
}

// over reports whether nothing is unanswered, and no more will be sent.
func (s *sender) over() bool {
	return s.phase.stop.Load() && !s.issuing.Load() && s.outstanding() == 0
}

// stopReading lets a reader that waits look whether it is over. It is called once the phase has stopped.
func (s *sender) stopReading() {
	_ = s.link.conn.SetReadDeadline(time.Now()) // fails on a closed link, which its reader reports
}

// goOn is called when a read has reached its deadline: it allows another one, until the time for what is
// under way when a run ends is over.
func (s *sender) goOn(err error) error {
	if !s.phase.stop.Load() || !errors.Is(err, os.ErrDeadlineExceeded) || s.phase.after(s.phase.to.Load()) > drain {
		return fmt.Errorf("sender %d: %w", s.number, err)
	}
	return s.link.conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
}

// answers reads until the phase has stopped and nothing is unanswered. It calls next for each answer.
func (s *sender) answers(next func()) error {
	var took []time.Duration
	for !s.over() {
		if err := s.link.flush(); err != nil {
			return err
		}
		took = took[:0]
		err := s.link.read(func(frame []byte, at time.Time) error {
			id, rev, ok := ack(frame)
			if !ok {
				return s.other(frame, next)
			}
			s.answered.Add(1)
			now, due := s.phase.since(at), s.due[id%maxUnanswered].Load()
			counts := now
			if s.free != nil { // at a rate what was due counts, however late its answer
				counts = due
			}
			if s.phase.measured(counts) {
				s.measured.Add(1)
				took = append(took, time.Duration(now-due))
				if s.sampled != nil {
					s.sampled(due, now-due)
				}
			}
			if s.acked != nil {
				s.acked(rev)
			}
			next()
			return nil
		})
		s.took.add(s.number, took...)
		if err == nil {
			continue
		}
		if err := s.goOn(err); err != nil {
			return err
		}
	}
	return nil
}

// other takes a frame that is no acknowledgement.
func (s *sender) other(frame []byte, next func()) error {
	f, err := wire.DecodeServerFrame(frame)
	if err != nil {
		return err
	}
	switch f.Type {
	case wire.TypeReject:
		s.refused.Add(1)
		s.refusal.Store(&f.Code)
		next()
	case wire.TypeTerminate:
		return fmt.Errorf("terminated: %s: %s", f.Code, f.Message)
	}
	return nil
}

// oneCommand sends the next command and waits for its answer, of which it returns the revision. Nothing else may be
// reading from the link. A rejection is an error.
func (s *sender) oneCommand() (rev uint64, err error) {
	if err := s.link.conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		return 0, err
	}
	s.issue(s.phase.now())
	if err := s.link.flush(); err != nil {
		return 0, err
	}
	answered := false
	for !answered {
		err := s.link.read(func(frame []byte, _ time.Time) error {
			if _, at, ok := ack(frame); ok {
				rev, answered = at, true
				return nil
			}
			return s.other(frame, func() {})
		})
		if err != nil {
			return 0, err
		}
		if code := s.refusal.Load(); code != nil {
			return 0, errors.New("rejected: " + *code)
		}
	}
	return rev, nil
}

// query asks and waits for the answer. Nothing else may be reading from the link.
func (s *sender) query(name string, deadline time.Time) ([]byte, error) {
	s.issued++
	s.buf = fmt.Appendf(s.buf[:0], `{"type":"query","id":%d,"name":%q}`, s.issued, name)
	s.link.queue(ws.OpText, s.buf)
	if err := errors.Join(s.link.flush(), s.link.conn.SetReadDeadline(deadline)); err != nil {
		return nil, err
	}
	var answer []byte
	for answer == nil {
		err := s.link.read(func(frame []byte, _ time.Time) error {
			f, err := wire.DecodeServerFrame(frame)
			switch {
			case err != nil:
				return err
			case f.ID != s.issued:
			case f.Type == wire.TypeAnswer:
				answer = append([]byte{}, f.Data...)
			case f.Type == wire.TypeReject:
				return fmt.Errorf("query %s: %s: %s", name, f.Code, f.Message)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return answer, nil
}
