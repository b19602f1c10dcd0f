package tuttitest

import (
	"context"
	"fmt"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// Stored expects that these are all events that the journal has of an entity, in order.
func (p *Platform) Stored(category *tutti.Category, id string, events ...any) {
	p.t.Helper()
	c := category.Untyped()
	var want, got []string
	for _, e := range events {
		name, data, err := encode(c, turn.RoleEvent, e)
		if err != nil {
			p.t.Fatalf("%v", err)
			return
		}
		want = append(want, eventLine(name, data))
	}
	stored, err := p.events(c, id)
	if err != nil {
		p.t.Fatalf("%v", err)
		return
	}
	for _, e := range stored {
		got = append(got, eventLine(e.Name, e.Data))
	}
	if d := diff(want, got); d != "" {
		p.t.Errorf("%s/%s: events in the journal (-want +got):\n%s", c.Name, id, d)
	}
}

// StoredState expects that the events that the journal has of an entity fold into this state: v, or
// anything that has the same JSON.
func (p *Platform) StoredState(category *tutti.Category, id string, v any) {
	p.t.Helper()
	var events []any
	for _, e := range p.Events(category, id) {
		events = append(events, e)
	}
	Given(p.t, category, events...).ThenState(v)
}

// Events returns all events that the journal has of an entity.
func (p *Platform) Events(category *tutti.Category, id string) []Raw {
	p.t.Helper()
	stored, err := p.events(category.Untyped(), id)
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	events := make([]Raw, len(stored))
	for i, e := range stored {
		events[i] = Raw{e.Name, string(e.Data)}
	}
	return events
}

// events reads an entity's events from the log of its partition.
func (p *Platform) events(c *turn.Category, id string) ([]journal.Event, error) {
	p.mu.Lock()
	g := p.gate
	p.mu.Unlock()
	partitions := p.config.Node.Partitions
	if partitions == 0 {
		partitions = 16
	}
	log := g.log(journal.Partition{Pool: c.Options.Pool, Number: wire.Partition(c.Name, id, partitions)})
	if log == nil {
		return nil, nil
	}
	var events []journal.Event
	for b, err := range log.Read(context.WithoutCancel(p.t.Context()), 0) { // also once the test has ended
		if err != nil {
			return nil, fmt.Errorf("read %s/%s: %w", c.Name, id, err)
		}
		for _, r := range b.Records {
			if r.Entity == (journal.Entity{Category: c.Name, ID: id}) {
				events = append(events, r.Events...)
			}
		}
	}
	return events, nil
}
