package state

import (
	"errors"
	"time"
)

// live is an entity in memory. There may be millions, most of which need nothing but what their records amount
// to: the rest stands behind pointers that are nil.
type live struct {
	folded
	epoch   string   // of an ephemeral entity: this activation
	failure *failure // why the entity takes nothing; then state is nil
	views   *views
	shadow  *shadow
	retries map[string]retry // of timers whose handlers failed, by key
	telling *telling         // nil while all messages are confirmed
}

// failure is why an entity could not be read, and when it is tried again.
type failure struct {
	err   error
	retry time.Time
}

// broken returns why the entity takes nothing, nil when it does.
func (l *live) broken() error {
	if l.failure == nil {
		return nil
	}
	return l.failure.err
}

// retryAfter is how long an entity that could not be read is left alone before it is read again.
const retryAfter = 5 * time.Second

var errEnded = errors.New("state: the partition has another owner")

// activate brings the entity into memory. An error says why it cannot be, and has been logged.
func (e *entity) activate() error {
	if e.live != nil {
		f := e.live.failure
		if f == nil {
			return nil
		}
		if time.Now().Before(f.retry) {
			return f.err
		}
		e.live = nil
	}
	defer e.awoke()
	p := e.part
	if e.cat.opt.Ephemeral {
		e.live = &live{folded: folded{cat: e.cat, id: &e.id, state: e.cat.NewState()}, epoch: p.node.ids.newEpoch()}
		// Receivers remember the last number of the activation before, and this one must not fall behind it.
		e.live.ledger.told = uint64(p.node.born + p.node.passed())
		e.written.Revision, e.written.Seq = 0, 0
		e.seeWatched()
		e.welcomeAnew()
		return nil
	}
	if !p.awaitDurable(e) {
		return errEnded
	}
	began := time.Now()
	p.node.reading <- struct{}{}
	f, err := e.read()
	<-p.node.reading
	if err != nil {
		if p.ctx.Err() == nil {
			p.log.Error("entity not activated", "entity", e.id.String(), "err", err)
		}
		e.live = &live{failure: &failure{err, time.Now().Add(retryAfter)}}
		return err
	}
	p.node.meters.activations.Since(began)
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

// read returns what the entity's durable records amount to: a copy that a mirror kept, where it is up to date or can be brought
// so, or a replay.
func (e *entity) read() (*folded, error) {
	p := e.part
	if f := p.warm.take(e.id); f != nil {
		f.id = &e.id
		if p.bringUp(f) {
			p.node.meters.warm.Add(1)
			return f, nil
		}
	}
	return fold(p.ctx, p.journal, e.cat, &e.id, func(err error) {
		p.log.Warn("snapshot set aside", "entity", e.id.String(), "err", err)
	})
}

// bringUp brings a copy up to the entity's last record, and reports whether it is there now.
func (p *partition) bringUp(f *folded) bool {
	last, err := p.journal.Last(p.ctx, *f.id)
	if err == nil && f.mark != last {
		err = f.catchUp(p.ctx, p.journal)
	}
	return err == nil && f.mark == last
}

// forgetConns forgets connections that have been away for longer than the category remembers.
func (e *entity) forgetConns() {
	e.live.ledger.prune(e.part.node.forgets(e.cat.opt.Remember), e.live.mark.Revision, e.attached)
}

// weight estimates what the entity costs in memory, in bytes.
func (e *entity) weight() int64 {
	n := int64(entityBytes + len(e.id.ID))
	if e.live != nil {
		n += liveBytes + int64(e.live.size) + e.live.views.bytes() + e.live.ledger.bytes()
		if s := e.live.shadow; s != nil {
			n += s.bytes(e.live.size)
		}
	}
	if e.here != nil {
		n += hereBytes + memberBytes*int64(len(e.here.members)+len(e.here.links))
	}
	return n
}
