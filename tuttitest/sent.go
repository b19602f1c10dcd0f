package tuttitest

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/internal/turn"
)

// Sent is a command or query on its way.
type Sent struct {
	c    *Client
	what string
	done chan struct{}
	data json.RawMessage
	rev  uint64
	err  error
}

// Send sends a command, a value of a type that has an OnCommand or a [Raw] one, and does not wait for
// the outcome. The entity takes a client's commands in the order in which they were sent.
func (c *Client) Send(command any, opts ...SendOption) *Sent {
	c.p.t.Helper()
	name, data := c.encode(turn.RoleCommand, command)
	m := client.Command{Name: name, Data: json.RawMessage(data)}
	if len(data) == 0 {
		m.Data = nil
	}
	for _, o := range opts {
		o(&m)
	}
	s := &Sent{c: c, what: "command " + name + " " + string(data), done: make(chan struct{})}
	ctx := context.WithoutCancel(c.p.t.Context())
	call, err := c.conn.Start(ctx, m)
	if err != nil {
		s.err = err
		close(s.done)
		return s
	}
	c.reading.Go(func() {
		defer close(s.done)
		ack, err := call.Wait(ctx) // ends with the client at last
		s.data, s.rev, s.err = ack.Reply, ack.Revision, err
	})
	return s
}

// SendOption says more about a command.
type SendOption func(m *client.Command)

// Expect has the command rejected with conflict when an event came after that revision that its
// sender may see.
func Expect(revision uint64) SendOption {
	return func(m *client.Command) { m.Expect, m.HasExpect = revision, true }
}

// Ask asks a query, a value of a type that has an OnQuery or a [Raw] one.
func (c *Client) Ask(query any) *Sent {
	c.p.t.Helper()
	name, data := c.encode(turn.RoleQuery, query)
	s := &Sent{c: c, what: "query " + name + " " + string(data), done: make(chan struct{})}
	ctx := context.WithoutCancel(c.p.t.Context())
	c.reading.Go(func() {
		defer close(s.done)
		answer, err := c.conn.Query(ctx, name, json.RawMessage(data)) // ends with the client at last
		s.data, s.rev, s.err = answer.Data, answer.Revision, err
	})
	return s
}

// Acked expects that the command is durable, or that the query has an answer.
func (s *Sent) Acked() *Sent {
	s.c.p.t.Helper()
	if s.settled("an ack") && s.err != nil {
		s.c.p.t.Errorf("%s: %s\nwant ack\ngot  %v", s.c.preface(), s.what, s.err)
	}
	return s
}

// Replied expects an ack with this reply, v or anything that has the same JSON.
func (s *Sent) Replied(v any) *Sent {
	s.c.p.t.Helper()
	return s.compare("reply", v)
}

// Answered expects this answer, v or anything that has the same JSON.
func (s *Sent) Answered(v any) *Sent {
	s.c.p.t.Helper()
	return s.compare("answer", v)
}

// Rejected expects that the command or query is rejected with this code.
func (s *Sent) Rejected(code string) *Sent {
	s.c.p.t.Helper()
	if !s.settled("rejection " + code) {
		return s
	}
	r, ok := errors.AsType[*client.Rejected](s.err)
	if !ok || r.Code != code {
		s.c.p.t.Errorf("%s: %s\nwant rejection %s\ngot  %s", s.c.preface(), s.what, code, s.outcome())
	}
	return s
}

// Unanswered expects that nothing is known of the outcome yet.
func (s *Sent) Unanswered() *Sent {
	s.c.p.t.Helper()
	s.c.p.Advance(quiet)
	select {
	case <-s.done:
		s.c.p.t.Errorf("%s: %s\nwant no answer yet\ngot  %s", s.c.preface(), s.what, s.outcome())
	default: // as it should be
	}
	return s
}

// Err waits for the outcome and returns its error, nil for an ack or answer.
func (s *Sent) Err() error {
	s.c.p.t.Helper()
	s.settled("an outcome")
	return s.err
}

// Revision waits for the ack and returns the entity's last revision then.
func (s *Sent) Revision() uint64 {
	s.c.p.t.Helper()
	s.Acked()
	return s.rev
}

func (s *Sent) compare(what string, v any) *Sent {
	s.c.p.t.Helper()
	want := s.c.json(v)
	if !s.settled(what) {
		return s
	}
	if s.err != nil || len(s.data) == 0 {
		s.c.p.t.Errorf("%s: %s\nwant %s %s\ngot  %s", s.c.preface(), s.what, what, want, s.outcome())
	} else if d := diffJSON(want, s.data); d != "" {
		s.c.p.t.Errorf("%s: %s\n%s (-want +got):\n%s", s.c.preface(), s.what, what, d)
	}
	return s
}

func (s *Sent) settled(want string) bool {
	s.c.p.t.Helper()
	ok := s.c.p.settle(func() bool {
		select {
		case <-s.done:
			return true
		default:
			return false
		}
	})
	if !ok {
		s.c.p.t.Fatalf("%s: %s\nwant %s\ngot  nothing for %v", s.c.preface(), s.what, want, s.c.p.config.Patience)
	}
	return ok
}

func (s *Sent) outcome() string {
	if r, ok := errors.AsType[*client.Rejected](s.err); ok {
		return "rejection " + r.Code + ": " + r.Message
	}
	if s.err != nil {
		return s.err.Error()
	}
	if len(s.data) == 0 {
		return "ack without reply"
	}
	return "ack with " + string(s.data)
}

// endCode returns the code of a connection's end.
func endCode(err error) string {
	if t, ok := errors.AsType[*client.Terminated](err); ok {
		return t.Code
	}
	if r, ok := errors.AsType[*client.Refused](err); ok {
		return strconv.Itoa(r.Status)
	}
	return ""
}
