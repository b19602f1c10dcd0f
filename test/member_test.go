package test_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/client"
)

// member is a client at one entity that sends random commands, and keeps what it was told.
type member struct {
	entity string // category/id
	name   string // what others see of it
	client *client.Client
	rng    *rand.Rand

	mu       sync.Mutex
	sent     []sent
	observed []client.Update // states and events
	lastSeen uint64
	left     bool // did not stay until the end
}

// sent is one command and its outcome.
type sent struct {
	call  *client.Call
	name  string
	data  any
	valid bool // the entity accepts it
	ack   client.Ack
	err   error
}

// join connects a member to the entity.
func join(ctx context.Context, d *victim, entity, sub string, rng *rand.Rand) (*member, error) {
	token, err := d.token(sub)
	if err != nil {
		return nil, err
	}
	category, id, _ := strings.Cut(entity, "/")
	c, err := client.Open(ctx, client.EntityURL("ws"+strings.TrimPrefix(d.url, "http"), category, id), client.Config{
		Token: token, Backoff: client.Backoff{Min: 5 * time.Millisecond, Max: 50 * time.Millisecond},
	})
	if err != nil {
		return nil, fmt.Errorf("%s joins %s: %w", sub, entity, err)
	}
	return &member{entity: entity, name: c.Member(), client: c, rng: rng}, nil
}

// visit asks for the entity's state and goes again.
func visit(ctx context.Context, d *victim, entity string) (*member, error) {
	m, err := join(ctx, d, entity, "visitor", nil)
	if err != nil {
		return nil, err
	}
	defer m.client.Close()
	m.left = true
	for u, err := range m.client.Updates(ctx) {
		if err != nil {
			return nil, fmt.Errorf("visit %s: %w", entity, err)
		}
		if s, ok := u.(client.State); ok {
			m.observed = append(m.observed, s)
			break
		}
	}
	return m, nil
}

// observe keeps states and events until ctx is done or the client is closed.
func (m *member) observe(ctx context.Context) error {
	for u, err := range m.client.Updates(ctx) {
		if err != nil {
			return fmt.Errorf("%s: %w", m.entity, err)
		}
		m.mu.Lock()
		switch u := u.(type) {
		case client.State:
			m.observed, m.lastSeen = append(m.observed, u), u.Revision
		case client.Event:
			m.observed, m.lastSeen = append(m.observed, u), u.Revision
		}
		m.mu.Unlock()
	}
	return nil
}

// seen returns the revision up to which the member has observed.
func (m *member) seen() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lastSeen
}

// inFlight is how many commands a member has unanswered at most.
const inFlight = 8

// chatter sends random commands until stop is closed, then waits for all answers.
func (m *member) chatter(ctx context.Context, stop <-chan struct{}) error {
	answered := 0
	settle := func(unanswered int) error {
		for ; answered < len(m.sent)-unanswered; answered++ {
			s := &m.sent[answered]
			s.ack, s.err = s.call.Wait(ctx)
			if ctx.Err() != nil {
				return fmt.Errorf("%s: no answer to command %d of %d: %w", m.entity, answered, len(m.sent), ctx.Err())
			}
		}
		return nil
	}
	for {
		select {
		case <-stop:
			return settle(0)
		default:
		}
		s := m.random()
		var err error
		if s.call, err = m.client.Start(ctx, client.Command{Name: s.name, Data: s.data}); err != nil {
			return fmt.Errorf("%s: %w", m.entity, err)
		}
		m.sent = append(m.sent, s)
		if err := settle(m.rng.IntN(inFlight)); err != nil {
			return err
		}
		<-time.After(time.Duration(m.rng.IntN(3000)) * time.Microsecond) // a person thinks
	}
}

// random makes up a command. One in ten is one that the entity must reject.
func (m *member) random() sent {
	valid := m.rng.IntN(10) > 0
	category, _, _ := strings.Cut(m.entity, "/")
	switch category {
	case "counter":
		by := 0
		if valid {
			by = 1 + m.rng.IntN(1000)
		}
		return sent{name: "add", data: map[string]int{"by": by}, valid: valid}
	case "room":
		text := ""
		if valid {
			text = fmt.Sprintf("line %x <&>\u2028", m.rng.Uint64())
		}
		return sent{name: "say", data: map[string]string{"text": text}, valid: valid}
	default:
		color := 16
		if valid {
			color = m.rng.IntN(16)
		}
		return sent{name: "paint", data: map[string]int{"x": m.rng.IntN(256), "y": m.rng.IntN(256), "color": color}, valid: valid}
	}
}

// rejectedAs returns the code of a rejection, "" for other outcomes.
func (s *sent) rejectedAs() string {
	if r, ok := errors.AsType[*client.Rejected](s.err); ok {
		return r.Code
	}
	return ""
}

// matches reports whether the event's data says what the command did.
func (s *sent) matches(event []byte) bool {
	command, err := json.Marshal(s.data)
	if err != nil {
		return false
	}
	var asked, done map[string]any
	if json.Unmarshal(command, &asked) != nil || json.Unmarshal(event, &done) != nil {
		return false
	}
	for name, v := range asked {
		if done[name] != v {
			return false
		}
	}
	return true
}
