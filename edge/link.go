package edge

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/edge/internal/ring"
	"github.com/tutti-rt/tutti/wire"
)

// Who may write to a link's socket. Whoever holds the link does; everybody else leaves it alone.
const (
	stateOpening = iota // nobody: there is no socket yet
	stateIdle           // its worker
	stateBlocked        // the goroutine of its drain
	stateDead           // nobody, for good
)

// link is one network attachment of a connection.
type link struct {
	// Set when the link is made.
	edge      *Edge
	hub       *hub
	worker    *worker
	transport transport
	conn      string // never logged
	sub       *subject
	watch     bool
	presence  bool
	flags     wire.Flags   // of the attachment, besides those
	terse     bool         // a welcome that resumes is not shown
	verdict   chan verdict // of the entity, one at most

	socket socket        // set before state becomes idle
	state  atomic.Uint32 // see above
	queued atomic.Bool   // on its worker's list
	ending atomic.Bool   // final is set: what the client sends is not looked at any more

	tenure *tenure     // nil where owners are not told of
	away   atomic.Bool // there is no owner: what is sent waits for one

	sendMu sync.Mutex // held over Send, which does not wait, so that numbers arrive in order
	number uint64     // of the attachment; changed with hub.mu held as well
	sent   uint64     // number of the link's last envelope

	// Guarded by hub.mu.
	fan      *fan // whose ring the link follows, or will once it has caught up
	slot     int  // in its share of the fan
	forsaken bool // the owner has ended it
	member   string
	epoch    string // of the welcome
	welcomed bool
	online   bool   // the directory of subjects counts it
	early    []item // what came before the welcome
	audience string
	backlogs int  // asked for since the link last followed its ring
	catching bool // has asked for one, and will skip what is ephemeral in its ring until it comes

	mu         sync.Mutex
	inbox      []item
	pong       []byte // the latest ping's answer, nil when there is none to send
	unanswered []unanswered
	final      *final // the link's last bytes
	gone       bool   // nothing is taken any more
	waitCount  int    // frames in inbox, now and held, without the free ones
	waitBytes  int    // of those frames

	// Of whoever holds the link.
	out      [][]byte   // gathered before: goes out before anything else
	oldest   ring.Stamp // of what was gathered and is not known to be written; 0: of nothing that counts
	now      []item     // next, in order
	held     []item     // wait for their place in the ring, in order
	ring     *ring.Ring // nil while the link does not follow one
	group    string     // audience of ring
	pos      uint64     // in ring
	replay   uint64     // ephemeral entries before it are not for this link
	rev      uint64     // of the last event that was gathered, or of the cursor before it; with revKnown
	revKnown bool
	revEpoch string // of rev
	asks     uint64 // requests for a backlog sent
	void     uint64 // the answers to requests up to this one come too late
	finished bool   // final has been handed over

	expires  atomic.Int64 // when the token does, Unix ms; 0: never
	expiring atomic.Bool  // the worker looks at whether it has
	issued   atomic.Int64 // when the token was, Unix ms; 0: not known
	leaves   atomic.Bool  // the connection goes with the link, without a grace period
	detached atomic.Bool  // the owner has been told that the link is gone

	// Times, ns since the edge was made. Zero: not.
	waiting   atomic.Int64 // since when the owner owes a welcome or backlog
	pinged    atomic.Int64 // of the last ping
	unponged  atomic.Int32 // pings that the client has not answered
	viewBytes atomic.Int64 // of the last state that it got

	fresh atomic.Uint64 // the first command id that no earlier link can have sent; 0 before the welcome
}

// place is a position in a ring. The zero place is no place in particular.
type place struct {
	ring *ring.Ring
	at   uint64
}

// item is something that waits for one link.
type item struct {
	place        // in the ring that the link follows; zero: at once
	until uint64 // not 0: no bytes; the ring's bytes from at to until are not for this link
	data  []byte
	more  [][]byte   // of the same message
	move  *move      // after the bytes
	ask   uint64     // number of the link's request for a backlog that this answers; 0: none
	free  bool       // not counted against the link's bounds: at most one is under way
	sent  ring.Stamp // when it left its owner; 0: not known
	// counted means that it has been counted already.
	counted bool
	who     bool // it says who is here
	welcome bool // a list of who is here follows it, if the link is told that at all
}

// final is what a link gets last.
type final struct {
	place
	data   []byte
	code   string // of the terminate frame, if there is one
	urgent bool   // nothing goes out before it but what has been gathered
}

// move changes what the link does next: with neither fan nor ask, nothing.
type move struct {
	fan         *fan // follow its ring
	pos, replay uint64
	ask         *wire.Envelope // or ask the owner, and follow nothing until it answers

	cursor *wire.Cursor // what the client has with the item's bytes; nil: as before
}

func (it *item) size() int {
	n := len(it.data)
	for _, b := range it.more {
		n += len(b)
	}
	return n
}

// verdict is what an entity said before the exchange is answered.
type verdict struct {
	foreign       bool   // the connection is another subject's
	refused       bool   // with code and message
	code, message string // of the refusal
}

// problem is the answer to a client that the entity refused.
func (v *verdict) problem() *problem {
	p := refuse(http.StatusForbidden, v.message)
	if p.detail == "" {
		p.detail = "the entity refuses the connection"
	}
	p.code = v.code
	return p
}

// send numbers e and sends it to the owner. Where another owner may come, what the link cannot do without is kept for that one.
func (l *link) send(e *wire.Envelope) error { return l.sendAt(time.Now(), e) }

func (l *link) sendAt(now time.Time, e *wire.Envelope) error {
	e.Sent = l.edge.wall(now).UnixMicro()
	l.sendMu.Lock()
	defer l.sendMu.Unlock()
	l.address(e)
	asks := e.Kind == wire.KindCommand || e.Kind == wire.KindQuery
	if l.tenure != nil {
		if asks && l.away.Load() && !l.edge.recovery.reaches(l.hub.owner) {
			return bus.ErrNobody
		}
		if l.keep(e); l.away.Load() {
			return nil
		}
	}
	e.Number = l.sent + 1
	err := l.edge.bus.Send(l.hub.lane, l.hub.owner, e)
	switch {
	case err == nil:
		l.sent++
	case l.tenure != nil && e.Kind != wire.KindAttach && e.Kind != wire.KindDetach:
		l.lose()
		if asks && !l.edge.recovery.reaches(l.hub.owner) {
			return err
		}
		if asks {
			l.untaken(e.Command)
		}
		return nil
	}
	return err
}

// push hands the link an item. It is called within hub.mu where the item has a place in a ring.
func (l *link) push(it item) {
	l.mu.Lock()
	fits := it.free || it.counted || l.admit(it.size())
	if fits && !l.gone {
		l.inbox = append(l.inbox, it)
	}
	l.mu.Unlock()
	if !fits {
		l.slow("too many frames wait for this client")
		return
	}
	l.worker.touch(l)
}

// admit counts a frame against the link's bounds. When all links together wait for too much, those
// that wait for much are the ones to go.
func (l *link) admit(size int) bool {
	const little = 64 << 10
	m := &l.edge.memory
	if l.gone {
		return true
	}
	if l.waitBytes > m.LinkPrivate || l.waitCount >= m.PrivateFrames ||
		(l.waitBytes > little && l.edge.count.private.Load() > m.Private) {
		return false
	}
	l.waitCount++
	l.waitBytes += size
	l.edge.count.private.Add(int64(size))
	return true
}

// discount counts frames out again that admit had counted.
func (l *link) discount(frames, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		return
	}
	l.waitCount -= frames
	l.waitBytes -= bytes
	l.edge.count.private.Add(-int64(bytes))
}

// ask reserves a place among the unanswered commands and queries. It reports false when there are
// too many.
func (l *link) ask(id uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.unanswered {
		if l.unanswered[i].id == id {
			return true
		}
	}
	if len(l.unanswered) >= l.edge.limits.Unanswered {
		return false
	}
	l.unanswered = append(l.unanswered, unanswered{id: id})
	return true
}

// mayRepeat reports whether the command may have been carried out already, for an earlier link. Its
// client must not be told that it has changed nothing.
func (l *link) mayRepeat(id uint64) bool {
	fresh := l.fresh.Load()
	return fresh == 0 || id < fresh
}

// answered takes id out of the unanswered ones.
func (l *link) answered(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.unanswered {
		if l.unanswered[i].id == id { // most often the first
			l.drop(&l.unanswered[i])
			l.unanswered = slices.Delete(l.unanswered, i, i+1)
			break
		}
	}
	if len(l.unanswered) == 0 {
		l.unanswered = nil
	}
}

// close removes a link whose socket is no longer read, and says so to the owner. leave means that
// the connection is gone for good.
func (l *link) close(leave bool) {
	l.state.Store(stateDead)
	l.socket.close()
	l.remove()
	l.detach(leave)
}

// detach says to the owner that the link is gone.
func (l *link) detach(leave bool) {
	if l.detached.Load() {
		return
	}
	e := &wire.Envelope{Kind: wire.KindDetach}
	if leave || l.leaves.Load() {
		e.Flags |= wire.Leave
	}
	r := l.edge.recovery
	if r == nil {
		l.detached.Store(l.send(e) == nil) // an owner that is gone has forgotten the link
		return
	}
	if l.detached.Swap(true) {
		return
	}
	l.sendMu.Lock()
	defer l.sendMu.Unlock()
	l.hub.mu.Lock()
	held := l.tenure.held
	l.hub.mu.Unlock()
	l.address(e)
	e.Sent = l.edge.wall(time.Now()).UnixMicro()
	if held != 0 && held != l.number {
		again := *e
		again.Link = held
		r.depart(l.hub.lane, l.hub.owner, &again, !l.away.Load())
	}
	if l.sent > 0 { // else it was not attached
		l.sent++
		e.Number = l.sent
		r.depart(l.hub.lane, l.hub.owner, e, !l.away.Load())
	}
}

// part says to the owner that the connection is gone for good, while the link still takes its last frames.
func (l *link) part() {
	l.leaves.Store(true)
	l.hub.mu.Lock()
	l.hub.forsake(l)
	l.hub.mu.Unlock()
	l.detach(true)
}

// replaced reports whether another link of the connection has come.
func (l *link) replaced() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.final != nil && l.final.code == wire.EndReplaced
}

// abandon removes a link that was never opened.
func (l *link) abandon() {
	l.state.Store(stateDead)
	l.remove()
	l.detach(false)
	l.edge.open.Done()
}

func (l *link) remove() {
	member := l.edge.leave(l)
	l.isGone()
	if l.tenure != nil {
		l.edge.recovery.forget(l)
	}
	l.worker.ended()
	l.edge.subjects.leave(l.sub)
	l.mu.Lock()
	l.gone = true
	l.edge.count.private.Add(-int64(l.waitBytes))
	for i := range l.unanswered {
		l.drop(&l.unanswered[i])
	}
	l.inbox, l.pong, l.unanswered = nil, nil, nil
	l.makeRoom()
	why := "closed by the client"
	if l.final != nil && l.final.code != "" {
		why = l.final.code
	}
	l.mu.Unlock()
	l.edge.log.Debug("link ended", "entity", l.hub.entity(), "member", member, "why", why)
}
