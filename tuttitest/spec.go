package tuttitest

import (
	"fmt"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/internal/turn"
)

// T is where a test reports to: a *testing.T, or whatever else has these.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Start is the time of a specification's first turn, unless [At] says otherwise.
var Start = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)

// Spec is one entity under specification: [Given] events, When a message comes, Then this happens.
// A Spec goes on after that: what one When decided is given to the next one.
type Spec struct {
	t    T
	c    *turn.Category
	next message // what the options of the message before left for the next

	state    any
	restored any // the same state, stored and restored after each event
	revision uint64
	given    []string // what came, for failures

	last *outcome
}

// outcome is what came of one message.
type outcome struct {
	what    string
	message message
	turn    *turn.Turn
	err     error // *turn.Rejection, or a failure
	reply   []byte
	answer  []byte
}

// Given begins a specification with the events that happened before, in order: values of types that
// have an OnEvent or an Upcast, or [Raw] ones. A category with mistakes ends the test.
func Given(t T, c *tutti.Category, events ...any) *Spec {
	t.Helper()
	s := &Spec{t: t, c: c.Untyped(), next: message{id: "1", now: Start, seed: [2]uint64{1, 1}}}
	if err := c.Err(); err != nil {
		t.Fatalf("%v", err)
		return s
	}
	s.state, s.restored = s.c.NewState(), s.c.NewState()
	for _, e := range events {
		name, data := s.encode(turn.RoleEvent, e)
		s.given = append(s.given, name+" "+string(data))
		s.apply(name, data)
	}
	return s
}

// When hands a command to the entity.
func (s *Spec) When(command any, opts ...Option) *Spec {
	s.t.Helper()
	return s.message(turn.KindCommand, turn.RoleCommand, command, opts)
}

// WhenTold hands the entity a command that another entity told it.
func (s *Spec) WhenTold(by tutti.Entity, command any, opts ...Option) *Spec {
	s.t.Helper()
	nobody := func(m *message) { m.from, m.claims, m.member = by, tutti.Claims{}, "" }
	return s.message(turn.KindTold, turn.RoleCommand, command, append(opts, nobody))
}

// WhenAsked asks the entity a query.
func (s *Spec) WhenAsked(query any, opts ...Option) *Spec {
	s.t.Helper()
	return s.message(turn.KindQuery, turn.RoleQuery, query, opts)
}

// WhenSignaled hands a signal to the entity.
func (s *Spec) WhenSignaled(signal any, opts ...Option) *Spec {
	s.t.Helper()
	return s.message(turn.KindSignal, turn.RoleSignal, signal, opts)
}

// WhenDue lets a timer come. Nothing checks that it was scheduled.
func (s *Spec) WhenDue(timer any, opts ...Option) *Spec {
	s.t.Helper()
	nobody := func(m *message) { m.claims, m.member = tutti.Claims{}, "" }
	return s.message(turn.KindTimer, turn.RoleTimer, timer, append(opts, nobody))
}

// WhenConnected lets a connection come.
func (s *Spec) WhenConnected(opts ...Option) *Spec {
	s.t.Helper()
	return s.take(turn.KindConnect, "connect", nil, opts)
}

// WhenDisconnected lets a connection go.
func (s *Spec) WhenDisconnected(opts ...Option) *Spec {
	s.t.Helper()
	return s.take(turn.KindDisconnect, "disconnect", nil, opts)
}

func (s *Spec) message(kind turn.Kind, role turn.Role, v any, opts []Option) *Spec {
	s.t.Helper()
	name, data := s.encode(role, v)
	return s.take(kind, name, data, opts)
}

func (s *Spec) encode(role turn.Role, v any) (string, []byte) {
	s.t.Helper()
	name, data, err := encode(s.c, role, v)
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	return name, data
}

func encode(c *turn.Category, role turn.Role, v any) (string, []byte, error) {
	if raw, ok := v.(Raw); ok {
		return raw.Name, []byte(raw.Data), nil
	}
	return c.Encode(role, v)
}

// take runs one turn: twice, to see that it decides the same, before its events are applied.
func (s *Spec) take(kind turn.Kind, name string, data []byte, opts []Option) *Spec {
	s.t.Helper()
	m := s.next
	for _, o := range opts {
		o(&m)
	}
	s.next = message{id: m.id, now: m.now, seed: [2]uint64{m.seed[0], m.seed[1] + 1}, members: m.members}
	if m.sentAt.IsZero() {
		m.sentAt = m.now
	}
	s.last = &outcome{what: describe(kind, name, data, m), message: m}

	before := s.encodeState(s.state)
	s.run(s.last, kind, name, data)
	if after := s.encodeState(s.state); after != before {
		s.t.Errorf("%sits handler changes the state itself; only OnEvent may\nbefore: %s\nafter:  %s", s.preface(), before, after)
		return s
	}
	again := &outcome{message: m}
	s.run(again, kind, name, data)
	if first, second := s.last.lines(), again.lines(); first != second {
		s.t.Errorf("%sits handler decides otherwise when the same turn runs again; time and randomness come from the turn\nfirst: %s\nthen:  %s",
			s.preface(), first, second)
	}
	s.carryOut(s.last)
	return s
}

// run calls the handler.
func (s *Spec) run(o *outcome, kind turn.Kind, name string, data []byte) {
	m := o.message
	t := &turn.Turn{
		Category: s.c, Entity: turn.Entity{Category: s.c.Name, ID: m.id}, Kind: kind, Name: name,
		Revision: s.revision, Now: m.now, SentAt: m.sentAt, Claims: m.claims, Member: m.member, From: m.from,
		Seed: m.seed, Members: func() []tutti.Member { return m.members },
	}
	o.turn = t
	err := guard(func() (err error) {
		if kind != turn.KindTold && kind != turn.KindTimer && kind != turn.KindDisconnect && s.c.Admit != nil {
			if err := s.c.Admit(m.claims, m.id); err != nil {
				return refused(err)
			}
		}
		o.answer, err = handle(s.c, t, s.state, data)
		return err
	})
	if err == nil {
		err = t.Err()
	}
	o.err = err
}

func handle(c *turn.Category, t *turn.Turn, state any, data []byte) ([]byte, error) {
	unknown := &turn.Rejection{Code: "unknown_command", Message: fmt.Sprintf("category %s has no %q", c.Name, t.Name)}
	switch t.Kind {
	case turn.KindQuery:
		if h, ok := c.Queries[t.Name]; ok {
			return h.Handle(t, state, data)
		}
		return nil, unknown
	case turn.KindSignal:
		h, ok := c.Signals[t.Name]
		switch {
		case !ok:
			return nil, unknown
		case h.Handle == nil:
			t.Effects = append(t.Effects, turn.Effect{Kind: turn.EffectBroadcast, Member: t.Member, Name: t.Name, Data: data})
			return nil, nil
		}
		return nil, h.Handle(t, state, data)
	case turn.KindConnect, turn.KindDisconnect:
		h := c.Connect
		if t.Kind == turn.KindDisconnect {
			h = c.Disconnect
		}
		if h == nil {
			return nil, nil
		}
		return nil, h(t, state)
	}
	handlers := c.Commands
	if t.Kind == turn.KindTimer {
		handlers = c.Timers
	}
	if h, ok := handlers[t.Name]; ok {
		return nil, h.Handle(t, state, data)
	}
	return nil, unknown
}

// carryOut applies what the turn decided, as a node does after a handler that returned nil.
func (s *Spec) carryOut(o *outcome) {
	s.t.Helper()
	s.given = append(s.given, o.what)
	if o.err != nil {
		return
	}
	for _, e := range o.turn.Events {
		s.apply(e.Name, e.Data)
	}
	if o.turn.Reply == nil {
		return
	}
	before := s.encodeState(s.state)
	o.err = guard(func() (err error) { o.reply, err = o.turn.Reply(s.state); return err })
	if after := s.encodeState(s.state); after != before {
		s.t.Errorf("%sits ReplyWith changes the state\nbefore: %s\nafter:  %s", s.preface(), before, after)
	}
}
