package tuttitest

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/tutti-rt/tutti/internal/turn"
)

// Then expects that the message was accepted and emitted exactly these events, in order; none, when
// none are given.
func (s *Spec) Then(events ...any) *Spec {
	s.t.Helper()
	if !s.accepted("events") {
		return s
	}
	var want, got []string
	for _, e := range events {
		name, data := s.encode(turn.RoleEvent, e)
		want = append(want, name+" "+string(data))
	}
	for _, e := range s.last.turn.Events {
		got = append(got, e.Name+" "+string(e.Data))
	}
	return s.compare("events", want, got)
}

// ThenRejects expects that the message was rejected with this code.
func (s *Spec) ThenRejects(code string) *Spec {
	s.t.Helper()
	if s.last == nil {
		s.t.Fatalf("ThenRejects without When")
		return s
	}
	r, ok := errors.AsType[*turn.Rejection](s.last.err)
	if !ok || r.Code != code {
		s.t.Errorf("%swant rejection %s\ngot  %s", s.preface(), code, s.last.result())
	}
	return s
}

// ThenFails expects that the message failed, by an error or a panic, with this in its text.
func (s *Spec) ThenFails(text string) *Spec {
	s.t.Helper()
	if s.last == nil {
		s.t.Fatalf("ThenFails without When")
		return s
	}
	_, rejected := errors.AsType[*turn.Rejection](s.last.err)
	if s.last.err == nil || rejected || !strings.Contains(s.last.err.Error(), text) {
		s.t.Errorf("%swant failure with %q\ngot  %s", s.preface(), text, s.last.result())
	}
	return s
}

// ThenReply expects that the command was answered with v, or with anything that has the same JSON.
func (s *Spec) ThenReply(v any) *Spec {
	s.t.Helper()
	if s.accepted("reply") {
		s.compareJSON("reply", v, s.last.reply)
	}
	return s
}

// ThenAnswer expects that the query was answered with v, or with anything that has the same JSON.
func (s *Spec) ThenAnswer(v any) *Spec {
	s.t.Helper()
	if s.accepted("answer") {
		s.compareJSON("answer", v, s.last.answer)
	}
	return s
}

// ThenEffects expects that the turn decided exactly this beside its events and reply: what it sent, told
// and scheduled, in order; nothing, when nothing is given.
func (s *Spec) ThenEffects(effects ...Effect) *Spec {
	s.t.Helper()
	if !s.accepted("effects") {
		return s
	}
	var want [3][]string
	for _, e := range effects {
		line, err := e.line(s.c)
		if err != nil {
			s.t.Fatalf("%v", err)
			return s
		}
		want[e.group] = append(want[e.group], line)
	}
	return s.compare("effects", append(append(want[0], want[1]...), want[2]...), effectLines(s.last.turn))
}

// ThenState expects that the state is now v, or anything that has the same JSON.
func (s *Spec) ThenState(v any) *Spec {
	s.t.Helper()
	s.compareJSON("state", v, []byte(s.encodeState(s.state)))
	return s
}

// ThenView expects that an audience now sees v of the state, or anything that has the same JSON.
func (s *Spec) ThenView(audience string, v any) *Spec {
	s.t.Helper()
	data := []byte(s.encodeState(s.state))
	if s.c.View != nil {
		before := string(data)
		err := guard(func() (err error) { data, err = s.c.View(s.state, audience); return err })
		if err != nil {
			s.t.Errorf("%sthe view fails: %v", s.preface(), err)
			return s
		}
		if after := s.encodeState(s.state); after != before {
			s.t.Errorf("%sthe view changes the state\nbefore: %s\nafter:  %s", s.preface(), before, after)
		}
	}
	s.compareJSON("view of "+quoted(audience), v, data)
	return s
}

// ThenWelcome expects what the sender of the message sees of the state: the view of its audience.
func (s *Spec) ThenWelcome(v any) *Spec {
	s.t.Helper()
	if s.accepted("welcome") {
		s.ThenView(audienceOf(s.c, s.last.message.claims), v)
	}
	return s
}

// ThenSeen expects what an audience sees of the message's events: a value for each event that it
// sees at all, or anything that has the same JSON.
func (s *Spec) ThenSeen(audience string, seen ...any) *Spec {
	s.t.Helper()
	if !s.accepted("events") {
		return s
	}
	var want, got []string
	for _, v := range seen {
		data, err := json.Marshal(v)
		if err != nil {
			s.t.Fatalf("%v", err)
			return s
		}
		want = append(want, canonical(data))
	}
	for _, e := range s.last.turn.Events {
		data, visible := e.Data, true
		if view := s.c.Events[e.Name].View; view != nil {
			err := guard(func() (err error) { data, visible, err = view(e.Data, audience); return err })
			if err != nil {
				s.t.Errorf("%sthe view of event %s fails: %v", s.preface(), e.Name, err)
				return s
			}
		}
		if visible {
			got = append(got, canonical(data))
		}
	}
	return s.compare("seen by "+quoted(audience), want, got)
}

// accepted reports whether there is an outcome to compare, and that it is neither rejection nor failure.
func (s *Spec) accepted(what string) bool {
	s.t.Helper()
	if s.last == nil {
		s.t.Fatalf("%s are expected without When", what)
		return false
	}
	if s.last.err != nil {
		s.t.Errorf("%swant %s\ngot  %s", s.preface(), what, s.last.result())
		return false
	}
	return true
}

func (s *Spec) compare(what string, want, got []string) *Spec {
	s.t.Helper()
	if d := diff(want, got); d != "" {
		s.t.Errorf("%s%s (-want +got):\n%s", s.preface(), what, d)
	}
	return s
}

func (s *Spec) compareJSON(what string, v any, got []byte) {
	s.t.Helper()
	want, err := json.Marshal(v)
	if err != nil {
		s.t.Fatalf("%v", err)
		return
	}
	if raw, ok := v.(Raw); ok {
		want = []byte(raw.Data)
	}
	if len(got) == 0 {
		s.t.Errorf("%swant %s %s\ngot  none", s.preface(), what, want)
		return
	}
	if d := diffJSON(want, got); d != "" {
		s.t.Errorf("%s%s (-want +got):\n%s", s.preface(), what, d)
	}
}
