package diskjournal

import (
	"context"
	"encoding/binary"
	"fmt"

	"go.etcd.io/raft/v3"

	"github.com/tutti-rt/tutti/journal"
)

// confirming is somebody who asks whether the partition is still theirs.
type confirming struct {
	term uint64
	done chan error // has room
}

// Confirm returns nil when the partition is still the caller's. A node alone knows of every owner, since its directory is locked; in a
// cluster a majority is asked, once for all who wait. When it does not answer within an election's time the error is journal.ErrUnavailable.
// Where the leader was just elected its first entry is stored before, which takes as long as the disks of a majority, or until the lead is lost.
func (l *Log) Confirm(ctx context.Context) error {
	if err := l.confirm(ctx); err != nil {
		return fmt.Errorf("confirm %s: %w", l.part.name, err)
	}
	return nil
}

func (l *Log) confirm(ctx context.Context) error {
	if err := l.j.begin(ctx); err != nil {
		return err
	}
	defer l.j.end()
	if err := l.fenced(); err != nil || !l.j.clustered() {
		return err
	}
	c := &confirming{term: l.term, done: make(chan error, 1)}
	l.j.call(func() {
		g := l.part.group
		if g == nil || g.rn == nil || !g.leading {
			c.done <- journal.ErrFenced
			return
		}
		if !l.j.isTicking {
			c.done <- journal.ErrUnavailable
			return
		}
		g.confirming = append(g.confirming, c)
		g.touch()
	})
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-l.j.closing:
		return l.j.stopped()
	}
}

// askMajority asks the others for all who wait, unless they are being asked. A new leader asks once its first entry is stored, before which
// Raft has no answer; until then the others are heard of or the lead is given up.
func (g *group) askMajority() {
	if len(g.confirming) == 0 || len(g.asked) > 0 || !g.leading || g.log.applied < g.first {
		return
	}
	g.asked, g.confirming = g.confirming, nil
	g.asking++
	g.askedAt = g.ticks
	g.rn.ReadIndex(binary.BigEndian.AppendUint64(nil, g.asking))
}

// answered takes the majority's answers.
func (g *group) confirmed(states []raft.ReadState) {
	for _, s := range states {
		if len(s.RequestCtx) != 8 || binary.BigEndian.Uint64(s.RequestCtx) != g.asking {
			continue
		}
		asked := g.asked
		g.asked = nil
		for _, c := range asked {
			if c.term == g.owner {
				c.done <- nil
			} else {
				c.done <- journal.ErrFenced
			}
		}
	}
}

// unconfirmed ends those who wait for the majority.
func (g *group) unconfirmed(err error) {
	for _, c := range append(g.asked, g.confirming...) {
		c.done <- err
	}
	g.asked, g.confirming = nil, nil
}

// late ends those who have waited for the majority too long.
func (g *group) late() {
	if len(g.asked) > 0 && g.ticks-g.askedAt >= g.j.config.electionTicks() {
		g.unconfirmed(journal.ErrUnavailable)
	}
}
