package test_test

import (
	"bytes"
	"fmt"

	"github.com/tutti-rt/tutti/client"
)

// tally counts what was compared.
type tally struct{ acked, rejected, forgotten, events, states int }

// compare holds what the members of one entity were told against its history.
func compare(h *history, members []*member, sum *tally) error {
	byCause := make(map[string]*stored, len(h.events))
	for i := range h.events {
		e := &h.events[i]
		if byCause[e.cause()] != nil {
			return fmt.Errorf("command %s was applied twice", e.cause())
		}
		byCause[e.cause()] = e
	}
	known := make(map[string]bool, len(byCause))
	for _, m := range members {
		if err := m.compareCommands(byCause, known, sum); err != nil {
			return err
		}
	}
	for cause := range byCause {
		if !known[cause] {
			return fmt.Errorf("event of %s, which no member sent or which was rejected", cause)
		}
	}
	return compareObserved(h, members, sum)
}

// compareCommands holds the outcomes of a member's commands against the events.
func (m *member) compareCommands(byCause map[string]*stored, known map[string]bool, sum *tally) error {
	for i := range m.sent {
		s := &m.sent[i]
		id := uint64(i + 1) // the client numbers them so
		cause := fmt.Sprintf("%s:%d", m.name, id)
		e := byCause[cause]
		switch code := s.rejectedAs(); {
		case s.err == nil && !s.valid:
			return fmt.Errorf("command %s %v was acknowledged, want a rejection", cause, s.data)
		case s.err == nil && e == nil:
			return fmt.Errorf("command %s was acknowledged at revision %d and is lost", cause, s.ack.Revision)
		case s.err == nil && !s.matches(e.data):
			return fmt.Errorf("command %s %v is stored as %s", cause, s.data, e.data)
		case s.err == nil:
			known[cause] = true
			sum.acked++
		case code == "":
			return fmt.Errorf("command %s: %w", cause, s.err)
		case e != nil:
			return fmt.Errorf("command %s was rejected as %s and is stored as %s", cause, code, e.data)
		case code == "forgotten" && !s.valid: // what changes something is either stored or not yet processed
			sum.forgotten++
		case s.valid || code != "invalid":
			return fmt.Errorf("command %s %v: %w", cause, s.data, s.err)
		default:
			sum.rejected++
		}
	}
	return nil
}

// compareObserved holds the states and events that the members got against the replay of the history.
func compareObserved(h *history, members []*member, sum *tally) error {
	states := make(map[uint64][]client.State) // by revision
	for _, m := range members {
		var last uint64
		for i, u := range m.observed {
			switch u := u.(type) {
			case client.State:
				states[u.Revision] = append(states[u.Revision], u)
				last = u.Revision
			case client.Event:
				if i == 0 || u.Revision != last+1 {
					return fmt.Errorf("%s got event %d after %d", m.name, u.Revision, last)
				}
				last = u.Revision
				if last > uint64(len(h.events)) {
					return fmt.Errorf("%s got event %d, the journal has %d", m.name, last, len(h.events))
				}
				e := &h.events[last-1]
				if e.name != u.Name || e.by != u.By || e.command != u.Command || !bytes.Equal(e.data, u.Data) {
					return fmt.Errorf("%s got event %d %s %s of %s:%d, stored is %s %s of %s",
						m.name, last, u.Name, u.Data, u.By, u.Command, e.name, e.data, e.cause())
				}
				sum.events++
			}
		}
		if last != uint64(len(h.events)) && !m.left {
			return fmt.Errorf("%s saw up to event %d of %d", m.name, last, len(h.events))
		}
	}
	return h.views(func(rev uint64, view []byte) error {
		for _, s := range states[rev] {
			if !bytes.Equal(s.Data, view) {
				return fmt.Errorf("state at revision %d was shown as %.200s, the replay gives %.200s", rev, s.Data, view)
			}
			sum.states++
		}
		return nil
	})
}
