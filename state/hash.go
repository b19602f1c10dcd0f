package state

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/tutti-rt/tutti/journal"
)

// hashBytes is how much of the hash of a state is recorded.
const hashBytes = 16

// hashDue reports whether the record is one that says what state it leads to: the first at or after each multiple of HashEvents.
func (c *category) hashDue(r *journal.Record) bool {
	every := uint64(c.opt.HashEvents)
	return len(r.Events) > 0 && r.Revision/every != (r.Revision-uint64(len(r.Events)))/every
}

// hash returns the hash of the encoded state.
func (f *folded) hash() ([]byte, error) {
	var data []byte
	err := guard(func() (err error) {
		data, err = f.cat.EncodeState(f.state)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("encode %s at revision %d: %w", f.id, f.mark.Revision, err)
	}
	sum := sha256.Sum256(data)
	return sum[:hashBytes], nil
}

// noteState has a record say what state it leads to, where mirrors may compare theirs. The state of the entity is that already. A large
// one would hold up the entity.
func (e *entity) noteState(r *journal.Record) {
	if e.part.node.replicated == nil || e.cat.opt.Ephemeral || e.large() || !e.cat.hashDue(r) {
		return
	}
	hash, err := e.live.hash()
	if err != nil {
		e.part.log.Error("state not hashed", "entity", e.id.String(), "err", err)
		return
	}
	r.Notes = appendNote(r.Notes, note{kind: noteState, data: hash})
}

// differs reports whether the record says that it leads to another state than that of f, which it has been folded into.
func (f *folded) differs(r *journal.Record) (bool, error) {
	if !f.cat.hashDue(r) {
		return false, nil
	}
	var want []byte
	err := readNotes(r.Notes, func(n *note) {
		if n.kind == noteState {
			want = n.data
		}
	})
	if err != nil || want == nil {
		return false, err
	}
	got, err := f.hash()
	return string(got) != string(want), err
}

// compare holds a copy against what the owner recorded of its state. One that differs is built anew; if it differs again the entity
// is not what its events say, or they do not say it.
func (m *mirror) compare(ctx context.Context, c *mirrored, r *journal.Record) error {
	differs, err := c.e.live.differs(r)
	if err != nil || !differs {
		return err
	}
	m.part.node.meters.mismatches.Add(1)
	log := m.part.log.With("entity", r.Entity.String(), "revision", r.Revision)
	log.Error("copy of an entity differs from its owner's, and is built anew")
	f := &folded{cat: c.e.cat, id: &c.e.id}
	if err := f.restore(ctx, m.replica); err != nil {
		return err
	}
	if f.state == nil {
		f.state = f.cat.NewState()
	}
	for next, err := range m.replica.Records(ctx, *f.id, f.mark) {
		if err == nil {
			err = f.apply(&next)
		}
		if err != nil {
			return err
		}
		if next.Seq != r.Seq {
			continue
		}
		if differs, err = f.differs(&next); err != nil {
			return err
		} else if differs {
			log.Error("entity is not deterministic: its events lead to one state here and to another at its owner")
		}
	}
	c.e.live = &live{folded: *f}
	return nil
}
