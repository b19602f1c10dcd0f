package state

import (
	"errors"
	"time"

	"github.com/tutti-rt/tutti/internal/turn"
)

// live is an entity in memory.
type live struct {
	folded
	epoch  string // of an ephemeral entity: this activation
	views  views
	broken error // why the entity takes nothing; then state is nil
	retry  time.Time

	shadow   shadow
	snapping bool // the shadow has been asked for a snapshot

	retries map[string]retry // of timers whose handlers failed, by key

	tellWait  time.Duration          // between sending messages again; 0 while all are confirmed
	tellAt    int64                  // when they are sent again, time passed
	confirmed map[turn.Entity]uint64 // by receiver, not recorded yet
}

// retryAfter is how long an entity that could not be read is left alone before it is read again.
const retryAfter = 5 * time.Second

var errEnded = errors.New("state: the partition has another owner")

// activate brings the entity into memory. An error says why it cannot be, and has been logged.
func (e *entity) activate() error {
	if e.live != nil {
		if e.live.broken == nil {
			return nil
		}
		if time.Now().Before(e.live.retry) {
			return e.live.broken
		}
		e.live = nil
	}
	p := e.part
	if e.cat.opt.Ephemeral {
		e.live = &live{folded: folded{cat: e.cat, id: e.id, state: e.cat.NewState()}, epoch: p.node.ids.newEpoch()}
		// Receivers remember the last number of the activation before, and this one must not fall behind it.
		e.live.ledger.told = uint64(p.node.born + p.node.passed())
		e.written.Revision, e.written.Seq = 0, 0
		return nil
	}
	if !p.awaitDurable(e) {
		return errEnded
	}
	p.node.reading <- struct{}{}
	f, err := fold(p.ctx, p.journal, e.cat, e.id, func(err error) {
		p.log.Warn("snapshot set aside", "entity", e.id.String(), "err", err)
	})
	<-p.node.reading
	if err != nil {
		if p.ctx.Err() == nil {
			p.log.Error("entity not activated", "entity", e.id.String(), "err", err)
		}
		e.live = &live{broken: err, retry: time.Now().Add(retryAfter)}
		return err
	}
	e.live = &live{folded: *f}
	e.written, e.committed = f.mark, f.mark
	p.mu.Lock()
	e.durable, e.asleep = f.mark, false
	p.mu.Unlock()
	e.awaitMembers()
	e.seeWatched()
	e.forgetConns()
	e.remindTimers()
	return nil
}

// forgetConns forgets connections that have been away for longer than the category remembers.
func (e *entity) forgetConns() {
	before := e.part.node.today() - e.cat.opt.Remember.Milliseconds()
	e.live.ledger.prune(before, e.live.mark.Revision, e.attached)
}

// weight estimates what the entity costs in memory, in bytes.
func (e *entity) weight() int64 {
	n := int64(entityBytes)
	if e.live != nil {
		n += int64(e.live.size) + e.live.views.bytes() + e.live.ledger.bytes()
		if e.live.shadow.held {
			n += int64(e.live.size)
		}
	}
	if e.here != nil {
		n += 400 * int64(len(e.here.members)+len(e.here.links))
	}
	return n
}
