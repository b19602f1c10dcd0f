package state

import (
	"context"
	"errors"
	"fmt"

	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/journal"
)

// folded is what an entity's records amount to: its state and ledger after the record at mark.
type folded struct {
	cat    *category
	id     *turn.Entity
	state  any
	ledger ledger
	mark   journal.Mark

	// Since the last snapshot.
	events, bytes int // a record without events counts as one
	// size estimates the state's encoded size; saved is that of the last snapshot with its notes, 0 without one.
	size, saved int
}

// source is what entities are folded from: the log of an owner, or a replica.
type source interface {
	journal.History
	Snapshot(ctx context.Context, e journal.Entity) (journal.Snapshot, bool, error)
}

// fold returns what the entity's durable records amount to. A snapshot that cannot be read
// is set aside, with a warning to warn, and costs the time of a longer replay.
func fold(ctx context.Context, log source, cat *category, id *turn.Entity, warn func(error)) (*folded, error) {
	f := &folded{cat: cat, id: id}
	if err := f.restore(ctx, log); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		warn(err)
		f = &folded{cat: cat, id: id}
	}
	if f.state == nil {
		f.state = cat.NewState()
	}
	return f, f.catchUp(ctx, log)
}

// restore begins with the entity's snapshot, if there is one.
func (f *folded) restore(ctx context.Context, log source) error {
	s, ok, err := log.Snapshot(ctx, *f.id)
	if err != nil || !ok {
		return err
	}
	err = guard(func() (err error) {
		f.state, err = f.cat.DecodeState(s.State)
		return err
	})
	if err != nil {
		return fmt.Errorf("snapshot of %s at revision %d: %w", f.id, s.Mark.Revision, err)
	}
	if f.ledger, err = decodeLedger(s.Notes); err != nil {
		return fmt.Errorf("snapshot of %s at revision %d: %w", f.id, s.Mark.Revision, err)
	}
	f.mark, f.size, f.saved = s.Mark, len(s.State), len(s.State)+len(s.Notes)
	return nil
}

// catchUp folds the durable records after f.mark.
func (f *folded) catchUp(ctx context.Context, log source) error {
	for r, err := range log.Records(ctx, *f.id, f.mark) {
		if err != nil {
			return fmt.Errorf("read %s after revision %d: %w", f.id, f.mark.Revision, err)
		}
		if err := f.apply(&r); err != nil {
			return err
		}
	}
	return nil
}

// apply folds one record.
func (f *folded) apply(r *journal.Record) error {
	if r.Seq != f.mark.Seq+1 || r.Revision != f.mark.Revision+uint64(len(r.Events)) {
		return fmt.Errorf("entity %s: record %d of revision %d follows record %d of revision %d: %w",
			f.id, r.Seq, r.Revision, f.mark.Seq, f.mark.Revision, journal.ErrCorrupt)
	}
	for i := range r.Events {
		ev := &r.Events[i]
		if err := applyEvent(f.cat, f.state, ev.Name, ev.Data); err != nil {
			return fmt.Errorf("entity %s stopped: event %q of revision %d cannot be applied: %w",
				f.id, ev.Name, r.RevisionOf(i), err)
		}
		if err := f.see(r.RevisionOf(i), ev); err != nil {
			return err
		}
		f.bytes += len(ev.Data)
		f.size += len(ev.Data)
	}
	if err := f.ledger.apply(r); err != nil {
		return fmt.Errorf("entity %s stopped: record %d: %w", f.id, r.Seq, err)
	}
	f.events += max(len(r.Events), 1)
	f.bytes += len(r.Notes)
	f.mark = r.Mark()
	return nil
}

// see keeps, for the audiences that the ledger knows, which event they saw last.
func (f *folded) see(revision uint64, ev *journal.Event) error {
	for audience := range f.ledger.visible {
		_, _, ok, err := viewEvent(f.cat, ev.Name, ev.Data, audience)
		if err != nil {
			return fmt.Errorf("entity %s: view of event %q of revision %d: %w", f.id, ev.Name, revision, err)
		}
		if ok {
			f.ledger.visible[audience] = revision
		}
	}
	return nil
}

// maxUpcasts bounds a chain of upcasts.
const maxUpcasts = 64

var errUnknownEvent = errors.New("the category has neither OnEvent nor Upcast for it")

// upcast returns the event as today's version of the category knows it.
func upcast(cat *category, name string, data []byte) (string, []byte, error) {
	for range maxUpcasts {
		if _, ok := cat.Events[name]; ok {
			return name, data, nil
		}
		up, ok := cat.Upcasts[name]
		if !ok {
			return "", nil, errUnknownEvent
		}
		err := guard(func() (err error) {
			data, err = up.Convert(data)
			return err
		})
		if err != nil {
			return "", nil, fmt.Errorf("upcast from %q to %q: %w", name, up.Name, err)
		}
		name = up.Name
	}
	return "", nil, fmt.Errorf("more than %d upcasts", maxUpcasts)
}

// applyEvent folds a stored event into the state. After an error of application code the state may be
// changed in part, and must not be used.
func applyEvent(cat *category, state any, name string, data []byte) error {
	name, data, err := upcast(cat, name, data)
	if err != nil {
		return err
	}
	return guard(func() error { return cat.Events[name].Apply(state, data) })
}

// viewEvent returns a stored event as the audience sees it, and false when it sees nothing.
func viewEvent(cat *category, name string, data []byte, audience string) (string, []byte, bool, error) {
	name, data, err := upcast(cat, name, data)
	if err != nil {
		return "", nil, false, err
	}
	view := cat.Events[name].View
	if view == nil {
		return name, data, true, nil
	}
	var seen []byte
	var ok bool
	err = guard(func() (err error) {
		seen, ok, err = view(data, audience)
		return err
	})
	return name, seen, ok && err == nil, err
}
