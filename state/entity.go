package state

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// entity is one entity that is in memory, attended by links, or has messages waiting.
type entity struct {
	id   turn.Entity
	cat  *category
	part *partition

	// Guarded by part.mu.
	*work                // nil while no message waits and no turn runs; made and dropped under part.mu
	durable journal.Mark // of its last durable record, as far as known since activation
	place   place        // in the partition's order of use
	wake    int64        // when it has to be activated once asleep, Unix ms, 0 for never
	asleep  bool         // passivated
	shadows int32        // at work; they come back to it

	// Belonging to the goroutine of the turn.
	written journal.Mark // of the last record decided
	live    *live        // nil while passivated
	here    *attendance  // nil while no link and no member is here
}

// work is what an entity needs while it has something to do. Partitions keep a few for use anew.
type work struct {
	// Guarded by the partition's mutex.
	mail      []message
	mailBytes int
	underway  underway // the turn being run

	// Belonging to the goroutine of the turn.
	waking    bool         // one of those that the partition counts as waking
	committed journal.Mark // of the last record handed to the partition
	out       []effect     // of the turn being run
	decided   time.Time    // when its handler was done; zero: it has none
	taken     []message    // being taken; its memory is the next mail's
}

// spareWork is how many work a partition keeps for use anew, and maxSpare how much memory of each, in
// messages and effects.
const (
	spareWork = 64
	maxSpare  = 16
)

// active reports whether the entity has a goroutine. The caller holds the partition's mutex, or is that goroutine.
func (e *entity) active() bool { return e.work != nil }

// employ gives the entity what it needs to do something. The caller holds p.mu.
func (p *partition) employ(e *entity) {
	if n := len(p.spare); n > 0 {
		e.work, p.spare = p.spare[n-1], p.spare[:n-1]
	} else {
		e.work = &work{}
	}
	e.committed = e.written
}

// dismiss takes it back. The caller holds p.mu.
func (p *partition) dismiss(e *entity) {
	w := e.work
	e.work = nil
	if len(p.spare) < spareWork && cap(w.mail) <= maxSpare && cap(w.taken) <= maxSpare && cap(w.out) <= maxSpare {
		clear(w.out)
		*w = work{mail: w.mail[:0], taken: w.taken[:0], out: w.out[:0]}
		p.spare = append(p.spare, w)
	}
}

// message is one message in a mailbox.
type message struct {
	env     *wire.Envelope
	job     func() // the platform's own work, in place of env
	arrived time.Time
}

func (m *message) bytes() int {
	if m.env == nil {
		return 64
	}
	env := m.env
	return 256 + len(env.Data) + len(env.Claims) + len(env.Name) + len(env.Conn) + len(env.Epoch) + len(env.From) + len(env.Key)
}

// run takes what waits for the entity, one message after the other, and ends when nothing does.
func (e *entity) run() {
	p := e.part
	defer p.turns.Done()
	for {
		p.mu.Lock()
		if len(e.mail) == 0 || p.ended {
			p.retire(e)
			p.mu.Unlock()
			return
		}
		mail := e.mail
		e.mail, e.mailBytes = e.taken, 0
		p.mu.Unlock()
		for i := range mail {
			if p.gone.Load() {
				p.passAll(mail[i:])
				break
			}
			e.take(&mail[i])
			mail[i] = message{}
		}
		e.taken = mail[:0]
	}
}

// take runs one message's turn. A panic outside of application code is a defect of the platform; it costs
// this entity its memory, not the node.
func (e *entity) take(m *message) {
	defer func() {
		if v := recover(); v != nil {
			e.part.log.Error("panic in a turn", "entity", e.id.String(), "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			e.out = nil
			e.written = e.committed // a record that was decided has not been handed over
			e.forget()
		}
	}()
	if m.env == nil {
		m.job()
		return
	}
	switch m.env.Kind {
	case wire.KindAttach:
		e.attach(m)
	case wire.KindDetach:
		e.detach(m.env)
	case wire.KindTell:
		e.takeTold(m)
	case wire.KindTold:
		e.takeConfirmation(m.env)
	case wire.KindCall:
		e.call(m)
	case wire.KindView:
		e.sight(m.env)
	default:
		if m.env.Kind == wire.KindQuery && m.env.Number == 0 {
			e.queryBeside(m.env)
			return
		}
		l := e.link(m.env)
		if l == nil {
			return // the link was ended meanwhile, and its client knows
		}
		if l.awaited {
			e.setAside(l, m)
			return
		}
		if l.observes() {
			e.takeObserved(m, l)
			return
		}
		switch m.env.Kind {
		case wire.KindCommand, wire.KindQuery, wire.KindSignal, wire.KindPresence:
			e.acted(l.member)
		}
		switch m.env.Kind {
		case wire.KindCommand:
			e.command(m, l)
		case wire.KindQuery:
			e.query(m, l)
		case wire.KindSignal:
			e.signal(m, l)
		case wire.KindPresence:
			e.setPresence(l, m.env.Data)
		case wire.KindClaims:
			e.refreshClaims(l, m.env.Claims)
		case wire.KindRefresh:
			e.refresh(l, wire.Refresh|wire.Known)
		case wire.KindPing:
			e.pong(m, l)
		}
	}
}

// send makes an envelope an effect of the turn.
func (e *entity) send(l *link, env *wire.Envelope) {
	env.Category, env.ID, env.Edge, env.Link = e.id.Category, e.id.ID, l.key.edge, l.key.link
	e.out = append(e.out, effect{lane: e.cat.opt.Lane, to: l.addr, env: env})
}

// conclude hands the turn's effects, and its record if it wrote one, to the partition. Those of an
// ephemeral entity leave at once. It returns false when the ownership has ended.
func (e *entity) conclude(r *journal.Record, s *journal.Snapshot) bool {
	out, decided := e.out, e.decided
	e.out, e.decided = e.out[:0], time.Time{}
	defer clear(out)
	if e.cat.opt.Ephemeral {
		if e.part.over() {
			e.part.lose(out)
			return false // another has its links now
		}
		if decided.IsZero() && len(out) > 0 {
			decided = time.Now()
		}
		for i := range out {
			out[i].env.Sent = e.part.node.wall(decided).UnixMicro()
			e.part.node.send(out[i].lane, out[i].to, out[i].env)
		}
		return true
	}
	if r == nil && len(out) == 0 {
		return true
	}
	if !e.part.commit(&change{entity: e, record: r, snapshot: s, effects: out, decided: decided}) {
		e.part.lose(out)
		return false
	}
	if r != nil {
		e.committed = r.Mark()
	}
	return true
}

// forget drops the entity's state and ledger, which are then read from the journal when needed. Those
// of an ephemeral entity are lost, and it begins anew.
func (e *entity) forget() { e.live = nil }

// guard runs application code and turns a panic into an error that has its stack.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{value: v, stack: debug.Stack()}
		}
	}()
	return f()
}

// panicked is the error of application code that panicked.
type panicked struct {
	value any
	stack []byte
}

// Error returns what the code panicked with.
func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }
