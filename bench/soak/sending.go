package soak

import (
	"math/rand/v2"

	"github.com/tutti-rt/tutti/wire"
)

// compose makes up the command with this id. It is called with the session's mutex held.
type compose func(s *session, r *rand.Rand, id uint64) order

// send sends a command. It returns false when the connection has no room for one, or has not begun.
func (s *session) send(make compose, r *rand.Rand, most int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone || s.member == "" || len(s.waiting) >= most {
		return false
	}
	s.ids++
	o := make(s, r, s.ids)
	f := wire.ClientFrame{Type: wire.TypeCommand, ID: s.ids, Name: o.name, Data: o.data, HasExpect: o.conditional, Expect: o.expect}
	s.issue(sent{id: s.ids, order: o, frame: wire.AppendClientFrame(nil, f)})
	return true
}

// ask sends a query.
func (s *session) ask(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone || s.member == "" || len(s.waiting) >= window {
		return false
	}
	s.ids++
	f := wire.ClientFrame{Type: wire.TypeQuery, ID: s.ids, Name: name}
	s.counts.asked.Add(1)
	s.issue(sent{id: s.ids, query: true, name: name, floor: s.place.floor.Load(), frame: wire.AppendClientFrame(nil, f)})
	return true
}

// issue sends a frame now, or with the next link. The caller holds mu.
func (s *session) issue(q sent) {
	s.waiting = append(s.waiting, q)
	switch {
	case s.driver == nil:
	case q.query:
		s.driver.Query(q.id, q.name)
		return
	default:
		var expect *uint64
		if q.order.conditional {
			expect = &q.order.expect
		}
		s.driver.Command(q.id, q.order.name, q.order.data, expect)
		return
	}
	if s.socket != nil && s.socket.say(q.frame) != nil {
		s.socket.close() // its reader sees
		s.socket = nil
	}
}

// signal sends something ephemeral.
func (s *session) signal(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.driver != nil {
		s.counts.signals.Add(1)
		s.driver.Signal(name, []byte(`{}`))
		return
	}
	if s.socket != nil {
		s.counts.signals.Add(1)
		_ = s.socket.say(wire.AppendClientFrame(nil, wire.ClientFrame{Type: wire.TypeSignal, Name: name, Data: []byte(`{}`)}))
	}
}

// resend makes the link the one that commands go out on, and sends what has no answer. Queries are not asked again.
// The caller holds mu.
func (s *session) resend(sock *socket) {
	kept := s.waiting[:0]
	for _, q := range s.waiting {
		if !q.query {
			kept = append(kept, q)
		} else if len(s.config.Transports) > 0 {
			s.again[q.id] = "" // is not asked again, and the POST that asked it may yet be answered over this link
		}
	}
	s.waiting = kept
	for i := range kept {
		if len(s.config.Transports) > 0 {
			s.again[kept[i].id] = "" // a POST may still be under way
		}
		if sock.say(kept[i].frame) != nil {
			sock.close() // its reader sees
			return
		}
		s.counts.resent.Add(1)
	}
	s.socket = sock
}

// settled reports whether all that was sent has its answer, and what others were told of was seen.
func (s *session) settled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone || s.member != "" && len(s.waiting) == 0 && (!s.manner.watch || s.last >= s.place.floor.Load())
}

// idle reports whether nothing is unanswered.
func (s *session) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone || s.member != "" && len(s.waiting) == 0
}
