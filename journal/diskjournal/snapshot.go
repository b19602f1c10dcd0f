package diskjournal

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// maxSnapshot bounds what a snapshot may hold: Pebble takes values of up to 4 GiB.
const maxSnapshot = 1 << 30

// SaveSnapshot stores s in place of an older one. What makes it visible is not synced; since Pebble's log keeps the order
// of writes, what survives a crash is never without the records before it. A large one is written in pieces.
func (l *Log) SaveSnapshot(ctx context.Context, s journal.Snapshot) error {
	if err := l.saveSnapshot(ctx, s); err != nil {
		return fmt.Errorf("save snapshot of %s: %w", s.Entity, err)
	}
	return nil
}

func (l *Log) saveSnapshot(ctx context.Context, s journal.Snapshot) error {
	if len(s.State)+len(s.Notes) > maxSnapshot {
		return fmt.Errorf("%d bytes: %w", len(s.State)+len(s.Notes), journal.ErrTooLarge)
	}
	if err := checkEntity(s.Entity); err != nil {
		return err
	}
	if err := l.begin(ctx); err != nil {
		return err
	}
	defer l.j.end()
	last, err := l.last(ctx, s.Entity)
	if err != nil {
		return err
	}
	if s.Mark.Seq > last.Seq || s.Mark.Revision > last.Revision {
		return fmt.Errorf("of record %d at revision %d, beyond the last record %d at revision %d",
			s.Mark.Seq, s.Mark.Revision, last.Seq, last.Revision)
	}
	if err := l.j.occupy(ctx, l.part.saving); err != nil {
		return err
	}
	defer func() { <-l.part.saving }()
	if err := l.fenced(); err != nil {
		return err
	}
	key := entityKey(keySnapshot, l.part.name, s.Entity)
	old, err := l.j.store.get(key)
	if err != nil && !errors.Is(err, pebble.ErrNotFound) && !errors.Is(err, journal.ErrCorrupt) {
		return err
	}
	if m, ok := codec.SnapshotMark(old); err == nil && ok && m.Seq > s.Mark.Seq {
		return fmt.Errorf("of record %d, older than the stored one of record %d", s.Mark.Seq, m.Seq)
	}
	value := make([]byte, 0, len(s.State)+len(s.Notes)+64)
	value = codec.AppendSnapshot(value, key, &s)
	if len(value) <= l.j.pieceBytes() && !codec.InPieces(old) && !l.j.hasPieces(key) {
		if err := l.j.store.set(key, value, pebble.NoSync); err != nil {
			return err
		}
		l.share(s.Entity, value)
		return nil
	}
	if err := l.savePieces(ctx, key, value, old, s.Mark); err != nil {
		return err
	}
	l.share(s.Entity, value)
	return nil
}

// Snapshot returns the newest snapshot of e.
func (l *Replica) Snapshot(ctx context.Context, e journal.Entity) (journal.Snapshot, bool, error) {
	s, ok, err := l.snapshot(ctx, e)
	if err != nil {
		return s, false, fmt.Errorf("snapshot of %s: %w", e, l.because(err))
	}
	return s, ok, nil
}

func (l *Replica) snapshot(ctx context.Context, e journal.Entity) (journal.Snapshot, bool, error) {
	if err := l.begin(ctx); err != nil {
		return journal.Snapshot{}, false, err
	}
	defer l.j.end()
	key := entityKey(keySnapshot, l.part.name, e)
	v, err := l.j.store.get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return journal.Snapshot{}, false, nil
	}
	if err != nil {
		return journal.Snapshot{}, false, err
	}
	if codec.InPieces(v) {
		if v, err = l.j.pieces(key); errors.Is(err, pebble.ErrNotFound) {
			return journal.Snapshot{}, false, nil
		}
		if err != nil {
			return journal.Snapshot{}, false, err
		}
	}
	s, err := codec.DecodeSnapshot(key, v, e)
	return s, err == nil, err
}
