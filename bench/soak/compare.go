package soak

import (
	"context"
	"fmt"

	"github.com/tutti-rt/tutti/journal"
)

// compareStates holds the states that were shown at this revision against the fold. Revisions come in order.
func (c *check) compareStates(revision uint64) {
	if len(c.states) == 0 || uint64(c.states[0].revision) != revision {
		return
	}
	view, err := c.fold.view()
	if err != nil {
		c.fail(revision, err.Error(), "", "")
	}
	sum := stateSum(view)
	for len(c.states) > 0 && uint64(c.states[0].revision) == revision {
		s := c.states[0]
		c.states = c.states[1:]
		if s.sum != sum {
			c.fail(revision, "a state is the fold of the events up to its revision",
				fmt.Sprintf("a state with the sum %016x, to connection %d", s.sum, s.conn), fmt.Sprintf("%016x of %.300s", sum, view))
			continue
		}
		c.verifier.sum.States++
	}
}

// compareEvents holds the events that viewers got against those of the journal.
func (c *check) compareEvents(ctx context.Context, e journal.Entity, w *written, path string) error {
	wrong := 0
	return readNotebook(path, reading{events: func(conn uint32, first uint64, sums []uint32) {
		for i, s := range sums {
			revision := first + uint64(i)
			if revision > 0 && revision <= uint64(len(c.sums)) && c.sums[revision-1] == s {
				c.verifier.sum.Deliveries++
				continue
			}
			stored := fmt.Sprintf("ends at revision %d", len(c.sums))
			if wrong++; revision > 0 && revision <= uint64(len(c.sums)) && wrong <= maxFailures {
				stored = fmt.Sprintf("%08x of %s", c.sums[revision-1], eventAt(ctx, w.log, e, revision))
			}
			c.fail(revision, "an event is shown as it is stored", fmt.Sprintf("an event with the sum %08x, to connection %d", s, conn), stored)
		}
	}})
}

// eventAt describes one event of the journal.
func eventAt(ctx context.Context, log journal.Log, e journal.Entity, revision uint64) string {
	for r, err := range log.Records(ctx, e, journal.Mark{Revision: revision}) {
		if err != nil {
			return err.Error()
		}
		for i, event := range r.Events {
			if r.RevisionOf(i) == revision {
				return fmt.Sprintf("%s %.200s of %s:%d at %d", event.Name, event.Data, r.By, r.Command, r.At)
			}
		}
	}
	return "nothing"
}
