package state

import (
	"context"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

// snapshot returns a snapshot of the entity as it is now if one is due, nil if not. A large state is
// left to the shadow.
func (e *entity) snapshot() *journal.Snapshot {
	l := e.live
	if l == nil || l.broken() != nil || e.cat.opt.Ephemeral || !l.snapshotDue() {
		return nil
	}
	defer e.part.node.meters.snapshotTurns.Since(time.Now())
	if e.large() {
		if s := l.itsShadow(); !s.snapping {
			s.snapping, s.snapshot = true, true
			l.events, l.bytes = 0, 0
			e.workShadow()
		}
		return nil
	}
	l.events, l.bytes = 0, 0
	var state []byte
	err := guard(func() (err error) {
		state, err = e.cat.EncodeState(l.state)
		return err
	})
	if err != nil {
		e.part.log.Error("snapshot not made", "entity", e.id.String(), "err", err)
		return nil
	}
	e.forgetConns()
	s := &journal.Snapshot{Entity: e.id, Mark: l.mark, State: state, Notes: l.ledger.encode()}
	l.size, l.saved = len(state), len(state)+len(s.Notes)
	return s
}

// snapshotDue reports whether enough has happened since the last snapshot. The larger that was, the more
// events are worth another one. What has happened since does not count as size: with it, events that
// replace each other would put off the next snapshot for ever.
func (l *live) snapshotDue() bool {
	scale := 1 + l.saved/largeState
	return l.events >= l.cat.opt.SnapshotEvents*scale || l.bytes >= l.cat.opt.SnapshotBytes*scale
}

// save stores a snapshot whose making began then.
func (p *partition) save(ctx context.Context, s journal.Snapshot, began time.Time) error {
	m := &p.node.meters
	if err := p.journal.SaveSnapshot(ctx, s); err != nil {
		return err
	}
	m.snapshots.Since(began)
	m.snapshotBytes.Add(int64(len(s.State) + len(s.Notes)))
	return nil
}
