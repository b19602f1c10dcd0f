package test_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/tutti-rt/tutti/cmd/tutti/demo"
	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/journal"
)

// history is what the journal holds of one entity.
type history struct {
	category *turn.Category
	events   []stored // by revision - 1
}

// stored is one event of the journal.
type stored struct {
	name, by string
	command  uint64
	data     []byte
}

// readHistories reads the logs of all partitions from their beginnings.
func readHistories(ctx context.Context, j journal.Journal) (map[string]*history, error) {
	all := make(map[string]*history)
	partitions, err := j.Partitions(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range partitions {
		log, err := j.Acquire(ctx, p)
		if err != nil {
			return nil, err
		}
		for batch, err := range log.Read(ctx, 0) {
			if err != nil {
				return nil, err
			}
			for i := range batch.Records {
				if err := take(all, &batch.Records[i]); err != nil {
					return nil, err
				}
			}
		}
	}
	return all, nil
}

// take adds the record's events to its entity's history.
func take(all map[string]*history, r *journal.Record) error {
	name := r.Entity.String()
	h := all[name]
	if h == nil {
		h = &history{}
		for _, c := range demo.Categories() {
			if c.Name() == r.Entity.Category {
				h.category = c.Untyped()
			}
		}
		all[name] = h
	}
	for i, e := range r.Events {
		if rev := r.RevisionOf(i); rev != uint64(len(h.events))+1 {
			return fmt.Errorf("journal: %s has revision %d after %d", name, rev, len(h.events))
		}
		h.events = append(h.events, stored{name: e.Name, by: r.By, command: r.Command, data: e.Data})
	}
	return nil
}

// views folds the events and calls at with what clients see after each of them, from revision 0 on.
func (h *history) views(at func(rev uint64, view []byte) error) error {
	state := h.category.NewState()
	for rev := 0; ; rev++ {
		view, err := h.category.View, error(nil)
		var data []byte
		if view != nil {
			data, err = view(state, "")
		} else {
			data, err = h.category.EncodeState(state)
		}
		if err == nil {
			err = at(uint64(rev), data)
		}
		if err != nil {
			return err
		}
		if rev == len(h.events) {
			return nil
		}
		e := h.events[rev]
		event, ok := h.category.Events[e.name]
		if !ok {
			return fmt.Errorf("unknown event %s", e.name)
		}
		if err := event.Apply(state, e.data); err != nil {
			return fmt.Errorf("apply revision %d: %w", rev+1, err)
		}
	}
}

// cause names what caused an event.
func (s *stored) cause() string { return fmt.Sprintf("%s:%d", strings.TrimSpace(s.by), s.command) }
