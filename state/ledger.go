package state

import (
	"cmp"
	"math"
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
	conns  few[string, *conn] // by member
	timers map[string]timer   // by key
	outbox *outbox            // nil when there is nothing in it
	told   uint64             // number of the last tell
	inbox  *few[turn.Entity, receipt]
	keys   keys // of callers
	// visible has the revision of the last event that each audience saw. Only categories
	// with hidden events keep it.
	visible map[string]uint64
	// forgotten says that outcomes of connections that were here at revision forgottenAt or
	// earlier may no longer be remembered.
	forgotten   bool
	forgottenAt uint64

	present    int32 // how many of conns are connected
	pruneAt    int32 // how many conns are too many; 0 for minPrune
	kept       int64 // bytes of outcomes
	firstTimer int64 // due time of the first timer, Unix ms; 0 when there is none, -1 when not known
}

// conn is what is remembered of one connection.
type conn struct {
	sub       string
	recorded  uint64 // highest command id with a record
	highest   uint64 // highest command id processed; volatile above recorded
	seen      int64  // Unix ms of the last record or link
	outcomes         // those of commands without a record are volatile
	connected bool   // OnConnect was recorded, OnDisconnect was not
}

type timer struct {
	due  time.Time
	name string
	data []byte
}

// receipt is the last message taken from a sender.
type receipt struct {
	number uint64
	at     int64 // Unix ms
}

// find returns what is remembered of the member, nil when nothing is.
func (l *ledger) find(member string) *conn {
	c, _ := l.conns.get(member)
	return c
}

// conn returns what is remembered of the member, and begins to remember it when nothing is.
func (l *ledger) conn(member string) *conn {
	c := l.find(member)
	if c == nil {
		c = &conn{}
		l.conns.set(member, c)
	}
	return c
}

// apply folds a record into the ledger.
func (l *ledger) apply(r *journal.Record) error {
	var c *conn
	var called *keyed
	var key keyID
	if r.By != "" && !byCaller(r.Notes) {
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
			l.put(n.entity, tell{number: l.told, name: n.name, data: slices.Clone(n.data)})
		case noteTold:
			l.confirm(n.entity, n.number)
		case noteReceipt:
			l.receive(n.entity, n.number, r.At)
		case noteConnected:
			l.connect(c, true)
		case noteDisconnected:
			l.connect(c, false)
		case noteCall:
			if id, digest, ok := splitCall(n.data); ok {
				key, called = id, &keyed{digest: digest, seq: r.Seq, revision: r.Revision, at: r.At}
			}
		}
	})
	if err != nil {
		return err
	}
	if called != nil {
		called.replied = reply != nil
		l.keys.add(r.By, key, *called)
	}
	if c != nil && r.Command > 0 {
		l.keep(c, outcome{id: r.Command, revision: r.Revision, reply: reply})
		c.recorded = max(c.recorded, r.Command)
		c.highest = max(c.highest, r.Command)
	}
	return nil
}

// put adds a message to those that wait to be confirmed.
func (l *ledger) put(to turn.Entity, t tell) {
	if l.outbox == nil {
		l.outbox = &outbox{}
	}
	l.outbox.add(to, t)
}

// confirm forgets the tells to the receiver up to number.
func (l *ledger) confirm(to turn.Entity, number uint64) (changed bool) {
	changed = l.outbox.confirm(to, number)
	if l.outbox.len() == 0 {
		l.outbox = nil
	}
	return changed
}

// renumber has the tells to the receiver, and all later ones, have numbers beyond after. They count as not sent.
func (l *ledger) renumber(to turn.Entity, after uint64) {
	l.told = after
	queue := l.outbox.to(to)
	for i := range queue {
		l.told++
		queue[i].number, queue[i].sent = l.told, false
	}
}

func (l *ledger) receive(from turn.Entity, number uint64, at int64) {
	if l.inbox == nil {
		l.inbox = &few[turn.Entity, receipt]{}
	}
	before, _ := l.inbox.get(from)
	l.inbox.set(from, receipt{max(before.number, number), at})
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
	if l.outbox.len() > 0 || l.present > 0 {
		return 1
	}
	return l.first()
}

// known reports whether the fate of every command that the member may still ask about is known,
// given that its client has seen the event of that revision.
func (l *ledger) known(member string, revision uint64) bool {
	return l.find(member) != nil || !l.forgotten || revision > l.forgottenAt
}

// bygone is up to when what happened may be forgotten, in Unix ms.
type bygone struct{ conns, senders, keys int64 }

// minReceipts is how long the last message of a sender is remembered at least: many times as long as it takes the sender to
// repeat one.
const minReceipts = 20 * maxTellWait

// forgets returns what a category with that Remember may forget by now. A connection that is forgotten is told so. A message
// or a key that is forgotten is taken again when its sender has not learned that it was: so only time counts in
// which senders could repeat theirs, not that before the node began, nor by how much the clock was set forward.
func (n *Node) forgets(remember time.Duration) bygone {
	return bygone{
		conns:   n.today() - remember.Milliseconds(),
		senders: n.longAgo(max(remember, minReceipts)),
		keys:    n.longAgo(remember),
	}
}

// longAgo returns the time of day, in Unix ms, that is longer ago than that by any clock.
func (n *Node) longAgo(d time.Duration) int64 {
	passed := n.passed()
	if passed < int64(d) {
		return math.MinInt64
	}
	return min(n.today(), time.Duration(n.born+passed).Milliseconds()) - d.Milliseconds()
}

// prune forgets connections not seen since the time given unless attached says that they are
// here, and beyond the bounds those unseen for longest.
func (l *ledger) prune(before bygone, revision uint64, attached func(member string) bool) {
	type absent struct {
		member string
		seen   int64
	}
	var away []absent
	for member, c := range l.conns.all() {
		if !c.connected && !attached(member) {
			away = append(away, absent{member, c.seen})
		}
	}
	slices.SortFunc(away, func(a, b absent) int { return cmp.Compare(a.seen, b.seen) })
	excess := l.conns.len() - maxConns // what is here is bounded by the number of links
	for i, a := range away {
		if a.seen >= before.conns && i >= excess {
			break
		}
		l.kept -= int64(len(l.find(a.member).packed))
		l.conns.remove(a.member)
		l.forgotten, l.forgottenAt = true, revision
	}
	l.pruneSenders(before.senders)
	l.keys.prune(before.keys)
	l.pruneAt = int32(max(minPrune, 2*l.conns.len()))
}

// pruneSenders forgets whose messages were taken before the time given, and beyond the bound those
// whose last one is longest ago.
func (l *ledger) pruneSenders(before int64) {
	type sender struct {
		from turn.Entity
		at   int64
	}
	var all []sender
	for from, r := range l.inbox.all() {
		if r.at < before {
			l.inbox.remove(from)
		} else if l.inbox.len() > maxSenders {
			all = append(all, sender{from, r.at})
		}
	}
	if l.inbox.len() == 0 {
		l.inbox = nil
	}
	excess := l.inbox.len() - maxSenders
	if excess <= 0 {
		return
	}
	slices.SortFunc(all, func(a, b sender) int { return cmp.Compare(a.at, b.at) })
	for _, s := range all[:min(excess, len(all))] {
		l.inbox.remove(s.from)
	}
}

// minPrune is how many connections are remembered at least before it is worth looking for some to
// forget.
const minPrune = 1024

// crowded reports whether it is time to prune though no snapshot is due.
func (l *ledger) crowded() bool { return l.conns.len() >= max(int(l.pruneAt), minPrune) }

// keep adds an outcome to those of a connection.
func (l *ledger) keep(c *conn, o outcome) {
	before := len(c.packed)
	c.add(o)
	l.kept += int64(len(c.packed) - before)
}

// bytes estimates what the ledger costs in memory.
func (l *ledger) bytes() int64 {
	return l.kept + l.keys.bytes() + connBytes*int64(l.conns.len()) + receiptBytes*int64(l.inbox.len()) +
		noteBytes*int64(len(l.timers)+l.outbox.len()+len(l.visible))
}
