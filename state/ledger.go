package state

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/journal"
)

// maxSenders bounds how many entities' last messages a receiver remembers, and maxConns how many
// connections' outcomes; beyond them those unused for longest are forgotten.
const (
	maxSenders = 1 << 16
	maxConns   = 1 << 16
)

// ledger is what the platform keeps about an entity beside its state: what became of each
// connection's commands, timers, messages to and from other entities. Like the state it is a fold of
// the entity's records, except for what conn marks as volatile. The zero value is that of an
// entity without records.
type ledger struct {
	conns  map[string]*conn // by member
	timers map[string]timer // by key
	outbox []tell           // in order of number; not confirmed by their receivers
	told   uint64           // number of the last tell
	inbox  map[turn.Entity]receipt
	// visible has the revision of the last event that each audience saw. Only categories
	// with hidden events keep it.
	visible map[string]uint64
	// forgotten says that outcomes of connections that were here at revision forgottenAt or
	// earlier may no longer be remembered.
	forgotten   bool
	forgottenAt uint64

	present    int   // how many of conns are connected
	kept       int   // bytes of outcomes
	pruneAt    int   // how many conns are too many; 0 for minPrune
	firstTimer int64 // due time of the first timer, Unix ms; 0 when there is none, -1 when not known
}

// conn is what is remembered of one connection.
type conn struct {
	sub       string
	recorded  uint64 // highest command id with a record
	highest   uint64 // highest command id processed; volatile above recorded
	outcomes         // those of commands without a record are volatile
	connected bool   // OnConnect was recorded, OnDisconnect was not
	seen      int64  // Unix ms of the last record or link
}

type timer struct {
	due  time.Time
	name string
	data []byte
}

// tell is a message for another entity.
type tell struct {
	number uint64
	to     turn.Entity
	name   string
	data   []byte
	sent   bool // since the entity was activated
}

// receipt is the last message taken from a sender.
type receipt struct {
	number uint64
	at     int64 // Unix ms
}

// conn returns what is remembered of the member, and begins to remember it when nothing is.
func (l *ledger) conn(member string) *conn {
	c := l.conns[member]
	if c == nil {
		if l.conns == nil {
			l.conns = make(map[string]*conn)
		}
		c = &conn{}
		l.conns[member] = c
	}
	return c
}

// apply folds a record into the ledger.
func (l *ledger) apply(r *journal.Record) error {
	var c *conn
	if r.By != "" {
		c = l.conn(r.By)
		c.seen = max(c.seen, r.At)
	}
	var reply []byte
	err := readNotes(r.Notes, func(n *note) {
		switch n.kind {
		case noteSub:
			if c != nil {
				c.sub = n.name
			}
		case noteReply:
			reply = n.data
		case noteTimer:
			if l.timers == nil {
				l.timers = make(map[string]timer)
			}
			l.timers[n.key] = timer{time.UnixMilli(n.due), n.name, slices.Clone(n.data)}
			l.firstTimer = -1
		case noteTimerGone:
			delete(l.timers, n.key)
			l.firstTimer = -1
		case noteTell:
			l.told++
			l.outbox = append(l.outbox, tell{number: l.told, to: n.entity, name: n.name, data: slices.Clone(n.data)})
		case noteTold:
			l.confirm(n.entity, n.number)
		case noteReceipt:
			l.receive(n.entity, n.number, r.At)
		case noteConnected:
			l.connect(c, true)
		case noteDisconnected:
			l.connect(c, false)
		}
	})
	if err != nil {
		return err
	}
	if c != nil && r.Command > 0 {
		l.keep(c, outcome{id: r.Command, revision: r.Revision, reply: reply})
		c.recorded = max(c.recorded, r.Command)
		c.highest = max(c.highest, r.Command)
	}
	return nil
}

// confirm forgets the tells to the receiver up to number.
func (l *ledger) confirm(to turn.Entity, number uint64) (changed bool) {
	kept := l.outbox[:0]
	for _, t := range l.outbox {
		if t.to == to && t.number <= number {
			changed = true
			continue
		}
		kept = append(kept, t)
	}
	clear(l.outbox[len(kept):])
	if l.outbox = kept; len(kept) == 0 {
		l.outbox = nil
	}
	return changed
}

func (l *ledger) receive(from turn.Entity, number uint64, at int64) {
	if l.inbox == nil {
		l.inbox = make(map[turn.Entity]receipt)
	}
	l.inbox[from] = receipt{max(l.inbox[from].number, number), at}
}

// connect notes whether a connection counts as connected.
func (l *ledger) connect(c *conn, connected bool) {
	if c == nil || c.connected == connected {
		return
	}
	c.connected = connected
	if connected {
		l.present++
	} else {
		l.present--
	}
}

// first returns when the first timer is due, in Unix ms; 0 when there is none.
func (l *ledger) first() int64 {
	if l.firstTimer >= 0 {
		return l.firstTimer
	}
	l.firstTimer = 0
	for _, t := range l.timers {
		if ms := max(t.due.UnixMilli(), 1); l.firstTimer == 0 || ms < l.firstTimer {
			l.firstTimer = ms
		}
	}
	return l.firstTimer
}

// wake returns when the entity must be activated though nobody asks for it, in Unix ms; 0 is never.
// Messages not confirmed and members not disconnected want it as soon as somebody owns the partition.
func (l *ledger) wake() int64 {
	if len(l.outbox) > 0 || l.present > 0 {
		return 1
	}
	return l.first()
}

// known reports whether the fate of every command that the member may still ask about is known,
// given that its client has seen the event of that revision.
func (l *ledger) known(member string, revision uint64) bool {
	return l.conns[member] != nil || !l.forgotten || revision > l.forgottenAt
}

// prune forgets connections not seen since the time given unless attached says that they are
// here, and beyond the bounds those unseen for longest.
func (l *ledger) prune(before int64, revision uint64, attached func(member string) bool) {
	type absent struct {
		member string
		seen   int64
	}
	var away []absent
	for member, c := range l.conns {
		if !c.connected && !attached(member) {
			away = append(away, absent{member, c.seen})
		}
	}
	slices.SortFunc(away, func(a, b absent) int { return cmp.Compare(a.seen, b.seen) })
	excess := len(l.conns) - maxConns // what is here is bounded by the number of links
	for i, a := range away {
		if a.seen >= before && i >= excess {
			break
		}
		l.kept -= len(l.conns[a.member].packed)
		delete(l.conns, a.member)
		l.forgotten, l.forgottenAt = true, revision
	}
	l.pruneSenders(before)
	l.pruneAt = max(minPrune, 2*len(l.conns))
}

// pruneSenders forgets whose messages were taken before the time given, and beyond the bound those
// whose last one is longest ago.
func (l *ledger) pruneSenders(before int64) {
	maps.DeleteFunc(l.inbox, func(_ turn.Entity, r receipt) bool { return r.at < before })
	excess := len(l.inbox) - maxSenders
	if excess <= 0 {
		return
	}
	all := slices.SortedFunc(maps.Keys(l.inbox), func(a, b turn.Entity) int {
		return cmp.Compare(l.inbox[a].at, l.inbox[b].at)
	})
	for _, from := range all[:excess] {
		delete(l.inbox, from)
	}
}

// minPrune is how many connections are remembered at least before it is worth looking for some to
// forget.
const minPrune = 1024

// crowded reports whether it is time to prune though no snapshot is due.
func (l *ledger) crowded() bool { return len(l.conns) >= max(l.pruneAt, minPrune) }

// keep adds an outcome to those of a connection.
func (l *ledger) keep(c *conn, o outcome) {
	before := len(c.packed)
	c.add(o)
	l.kept += len(c.packed) - before
}

// bytes estimates what the ledger costs in memory.
func (l *ledger) bytes() int64 {
	return int64(l.kept + 300*len(l.conns) + 200*(len(l.timers)+len(l.outbox)+len(l.inbox)+len(l.visible)))
}
