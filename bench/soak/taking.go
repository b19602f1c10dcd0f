package soak

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// linkState is what a session knows of its present link.
type linkState struct {
	socket   *socket
	floor    uint64 // what anybody had been told before the link was asked for
	welcomed bool
	answered uint64 // id of the last answer to a command
	after    time.Duration
}

// errParted ends a link.
var errParted = errors.New("soak: link given up")

// take takes one message of the link.
func (s *session) take(l *linkState, message []byte) error {
	for len(message) > 0 {
		frame, rest, _ := bytes.Cut(message, []byte{'\n'})
		message = rest
		f, err := wire.DecodeServerFrame(frame)
		if err != nil {
			s.fail(s.place, 0, "every frame can be decoded: "+err.Error(), string(frame[:min(len(frame), 300)]))
			return errParted
		}
		if err := s.takeFrame(l, &f); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) takeFrame(l *linkState, f *wire.ServerFrame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !l.welcomed && f.Type != wire.TypeWelcome && f.Type != wire.TypeTerminate && f.Type != wire.TypeStatus {
		s.fail(s.place, f.Revision, "the first frame is a welcome", f.Type)
		return errParted
	}
	switch f.Type {
	case wire.TypeWelcome:
		return s.takeWelcome(l, f)
	case wire.TypeEvent:
		return s.takeEvent(f)
	case wire.TypeAck, wire.TypeReject, wire.TypeAnswer:
		s.takeAnswer(l, f)
	case wire.TypeTerminate:
		if !f.Reconnect && !s.gone {
			s.fail(s.place, s.last, "no link is ended for good", f.Code+": "+f.Message)
		}
		l.after = time.Duration(f.After) * time.Millisecond
		return errParted
	case wire.TypeMessage:
		s.counts.messages.Add(1)
	case wire.TypePresence:
		s.takePresence(f.Presence)
	}
	return nil
}

// takeWelcome takes the first frame of a link, or the fresh state that a slow one gets.
func (s *session) takeWelcome(l *linkState, f *wire.ServerFrame) error {
	s.counts.welcomes.Add(1)
	if s.member == "" {
		s.member = f.Member
		s.place.notes.member(s.number, f.Member)
	}
	var wrong string
	switch {
	case s.member != f.Member:
		wrong = fmt.Sprintf("a connection stays the same member: %s, not %s", s.member, f.Member)
	case !f.Known:
		wrong = "the connection is remembered"
	case f.Acked > s.ids:
		wrong = fmt.Sprintf("acked %d is an id of the connection, which has sent %d", f.Acked, s.ids)
	case f.Acked < s.applied:
		wrong = fmt.Sprintf("acked %d is not less than command %d, which was acknowledged", f.Acked, s.applied)
	case f.Resumed && (!s.shown || f.Revision != s.last):
		wrong = fmt.Sprintf("a link is resumed from where it was: %d", s.last)
	case !f.Resumed && (f.Revision < l.floor || f.Revision < s.last):
		wrong = fmt.Sprintf("a state is not older than what was told before: %d", max(l.floor, s.last))
	case !f.Resumed && (len(f.Data) > 0) != s.manner.watch:
		wrong = "a state comes to those who watch"
	default:
		if err := s.place.sameEpoch(f.Epoch); err != nil {
			wrong = err.Error()
		}
	}
	if wrong != "" {
		s.fail(s.place, f.Revision, wrong, fmt.Sprintf("welcome of %s, resumed %t, known %t, acked %d", f.Member, f.Resumed, f.Known, f.Acked))
	}
	switch {
	case f.Resumed:
		s.counts.resumed.Add(1)
	case s.manner.watch:
		if s.shown && !l.welcomed {
			s.counts.anew.Add(1)
		}
		s.takeState(f.Revision, f.Data)
	}
	s.heard = false
	s.place.reveal(f.Revision)
	if l.welcomed {
		if _, poll := l.socket.way.(*polls); poll {
			// Another link may have begun between two polls: what was lost with the one before, its successor has to tell.
			return errParted
		}
		s.counts.conflated.Add(1)
		return nil
	}
	l.welcomed = true
	s.resend(l.socket)
	return nil
}

// takeState takes a state that replaces all that was known.
func (s *session) takeState(revision uint64, data []byte) {
	s.noteRun()
	s.counts.states.Add(1)
	s.place.notes.state(s.number, revision, data)
	s.last, s.shown = revision, true
	if s.place.category == "pad" {
		if err := s.pad.load(data); err != nil {
			s.fail(s.place, revision, err.Error(), string(data[:min(len(data), 300)]))
		}
	}
}

// mostRun is how many events are gathered before they are noted.
const mostRun = 256

// takeEvent takes the next event of a viewer.
func (s *session) takeEvent(f *wire.ServerFrame) error {
	s.counts.events.Add(1)
	told := fmt.Sprintf("%s of %s:%d to connection %d", f.Name, f.By, f.Command, s.number)
	switch {
	case !s.manner.watch:
		s.fail(s.place, f.Revision, "who only sends gets no events", told)
		return nil
	case f.Revision <= s.last:
		s.fail(s.place, f.Revision, fmt.Sprintf("an event comes once: %d came before", s.last), told)
		return nil
	case f.Revision != s.last+1 || f.Prev != s.last:
		s.fail(s.place, f.Revision, fmt.Sprintf("no event is missing after %d", s.last), told)
		s.noteRun()
		s.shown = false // begins anew
		return errParted
	}
	if len(s.run) == 0 {
		s.first = f.Revision
	}
	s.run = append(s.run, eventSum(f.Name, f.Data, f.By, f.Command, f.At))
	s.last = f.Revision
	s.place.reveal(f.Revision)
	if s.place.category == "pad" {
		if err := s.pad.apply(&fact{name: f.Name, data: f.Data, commanded: true}); err != nil {
			s.fail(s.place, f.Revision, err.Error(), told)
		}
	}
	if len(s.run) >= mostRun {
		s.noteRun()
	}
	return nil
}

// note writes down the events that were seen.
func (s *session) note() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noteRun()
}

func (s *session) noteRun() {
	s.place.notes.events(s.number, s.first, s.run)
	s.run = s.run[:0]
}

// takeAnswer takes what became of a command or a query.
func (s *session) takeAnswer(l *linkState, f *wire.ServerFrame) {
	told := fmt.Sprintf("%s of command %d of connection %d %s %s", f.Type, f.ID, s.number, f.Code, f.Message)
	at := -1
	for i := range s.waiting {
		if s.waiting[i].id == f.ID {
			at = i
			break
		}
	}
	outcome, again := s.again[f.ID]
	if again {
		now := fmt.Sprint(f.Type, " at ", f.Revision)
		if outcome != "" && outcome != now {
			s.fail(s.place, f.Revision, "a command that is sent again has the outcome that it had: "+outcome, told)
		}
		s.again[f.ID] = now
	}
	if at < 0 {
		if again {
			return
		}
		s.fail(s.place, f.Revision, "what has no answer yet is answered, once", told)
		return
	}
	q := s.waiting[at]
	s.waiting = append(s.waiting[:at], s.waiting[at+1:]...)
	if q.query {
		s.takeQueried(&q, f, told)
		return
	}
	early := f.Code == wire.CodeRateLimited || f.Code == wire.CodeOverloaded // the edge's own
	if f.ID < l.answered && !early && !again {
		s.fail(s.place, f.Revision, fmt.Sprintf("answers come in the order of commands: %d came before", l.answered), told)
	}
	if !early {
		l.answered = max(l.answered, f.ID)
		s.checkOrder(f, told)
	}
	if f.Type == wire.TypeAck {
		s.pauses.acked(l.socket.generation)
	}
	s.takeOutcome(&q, f, told, s.manner.watch)
}

// checkOrder sees that no command before f's was left out: answers come in the order of commands.
func (s *session) checkOrder(f *wire.ServerFrame, told string) {
	for i := range s.waiting {
		q := &s.waiting[i]
		if q.id >= f.ID {
			return
		}
		if _, again := s.again[q.id]; !q.query && !again {
			s.fail(s.place, f.Revision, fmt.Sprintf("answers come in the order of commands: there is none to %d", q.id), told)
			return
		}
	}
}

// takeOutcome takes what became of a command. With after the events that it caused have come before.
func (s *session) takeOutcome(q *sent, f *wire.ServerFrame, told string, after bool) {
	a := answer{conn: s.number, id: f.ID, revision: uint32(f.Revision), fact: factSum(q.order.event, q.order.fact)}
	if f.Type == wire.TypeReject {
		a.outcome = rejected
		s.counts.refused.Add(1)
		s.refusals.add(f.Code)
		if !q.order.may(f.Code) {
			s.fail(s.place, f.Revision, "this command is not rejected so", told+" "+string(q.frame))
		}
		if f.ID == 0 { // a guest that does not know: were it stored, nobody would have sent it
			s.counts.refused.Add(-1)
			s.counts.nameless.Add(1)
			return
		}
		s.place.notes.answer(a)
		return
	}
	s.counts.acked.Add(1)
	switch {
	case f.Type != wire.TypeAck:
		s.fail(s.place, f.Revision, "a command is acknowledged or rejected", told)
	case !q.order.valid:
		s.fail(s.place, f.Revision, "this command has to be rejected", told+" "+string(q.frame))
	case after && s.last < f.Revision:
		s.fail(s.place, f.Revision, fmt.Sprintf("the events of a command come before its acknowledgement: the last is %d", s.last), told)
	}
	s.applied = max(s.applied, f.ID)
	s.place.reveal(f.Revision)
	s.place.notes.answer(a)
	if len(f.Data) > 0 && s.place.category == "counter" { // it replies with the state that the command made
		s.counts.states.Add(1)
		s.place.notes.state(s.number, f.Revision, f.Data)
	}
}

// takeQueried takes the answer to a query. Every query of the load asks for the state.
func (s *session) takeQueried(q *sent, f *wire.ServerFrame, told string) {
	switch {
	case f.Type == wire.TypeReject:
		if f.Code != wire.CodeUnavailable {
			s.fail(s.place, f.Revision, "this query is not rejected so", told)
		}
		return
	case f.Type != wire.TypeAnswer:
		s.fail(s.place, f.Revision, "a query is answered or rejected", told)
		return
	case f.Revision < q.floor:
		s.fail(s.place, f.Revision, fmt.Sprintf("an answer is not older than what was told before the query: %d", q.floor), told)
	}
	s.counts.answered.Add(1)
	s.counts.states.Add(1)
	s.place.reveal(f.Revision)
	s.place.notes.state(s.number, f.Revision, f.Data)
	s.place.busy.Store(bytes.Contains(f.Data, []byte(`":{"`))) // a transfer or an alarm that waits
}
