package edge

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/edge/internal/ring"
	"github.com/tutti-rt/tutti/wire"
)

// maxBacklogs is how often a link asks for a backlog before it asks for a fresh state instead: its
// ring moves on faster than it catches up.
const maxBacklogs = 3

// hub is one entity as the edge sees it: its links and their rings.
type hub struct {
	edge         *Edge
	category, id string
	lane         string
	pool         string
	owner        bus.Address
	seen         atomic.Uint64 // the newest revision that a client may have seen

	mu       sync.Mutex
	links    map[uint64]*link
	fans     []*fan
	catching int              // links that wait for a backlog
	byMember map[string]*link // nil until an envelope leaves a member out
	polls    map[string]*link // links of long polls by their connections; nil: none
	here     *here            // nil until there is somebody who is told
	gap      *gap             // nil: none
}

// take delivers an envelope of the entity's owner. It sends nothing, since it may be called on the
// goroutine of somebody who sends: what there is to ask goes to the link as an item.
func (h *hub) take(e *wire.Envelope) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.edge.recovery != nil {
		h.takeInOrder(e)
		return
	}
	h.deliver(e)
}

func (h *hub) deliver(e *wire.Envelope) {
	if e.Revision > h.seen.Load() {
		h.seen.Store(e.Revision)
	}
	if e.Link == 0 {
		h.toAll(e)
		return
	}
	if l := h.links[e.Link]; l != nil {
		h.toOne(l, e)
	}
}

// toAll delivers to the rings, and what concerns links without one to those as well.
func (h *hub) toAll(e *wire.Envelope) {
	switch e.Kind {
	case wire.KindEvent:
		if !e.Has(wire.Hidden) {
			h.broadcast(e, func(f *fan) bool { return f.audience == e.Audience })
		}
	case wire.KindMessage:
		h.broadcast(e, func(f *fan) bool { return !e.Has(wire.ToGroup) || f.audience == e.Audience })
	case wire.KindPresenceChange:
		e = h.note(e, false)
		wants := func(f *fan) bool { return f.presence && (!e.Has(wire.ToGroup) || f.audience == e.Audience) }
		h.broadcast(e, wants)
		h.toCatching(e, wants)
	case wire.KindStatus:
		h.broadcast(e, func(*fan) bool { return true })
		for _, l := range h.links {
			if l.fan == nil {
				l.pushFrame(place{}, e, wire.FrameOptions{})
			}
		}
	case wire.KindTerminate:
		for _, l := range h.links {
			if !e.Has(wire.ToGroup) || l.audience == e.Audience {
				h.terminate(l, e)
			}
		}
	}
}

// toCatching hands a change of presence to the links that will skip it in their ring: who came and
// went is not in the backlog that they wait for.
func (h *hub) toCatching(e *wire.Envelope, wants func(*fan) bool) {
	if h.catching == 0 {
		return
	}
	for _, l := range h.links {
		if l.catching && l.fan != nil && wants(l.fan) {
			l.pushFrame(l.here(), e, wire.FrameOptions{})
		}
	}
}

// setCatching notes whether the link waits for a backlog.
func (h *hub) setCatching(l *link, on bool) {
	switch {
	case on && !l.catching:
		h.catching++
	case !on && l.catching:
		h.catching--
	}
	l.catching = on
}

// broadcast appends the frame made of e to the rings that want it. The member that e leaves out
// skips it.
func (h *hub) broadcast(e *wire.Envelope, wants func(*fan) bool) {
	var left *link
	if e.Except != "" {
		left = h.member(e.Except)
	}
	room := h.edge.buffers.getOut()
	defer h.edge.buffers.putOut(room)
	var last *fan
	var frame []byte
	for _, f := range h.fans {
		if !wants(f) {
			continue
		}
		if last == nil || f.transport != last.transport || f.epoch != last.epoch {
			*room = grown(*room, len(e.Data))
			frame = encode(f.transport, *room, e, f.epoch, wire.FrameOptions{})
			last = f
		}
		if left != nil && left.fan == f {
			head := f.ring.Head()
			left.push(item{place: place{f.ring, head}, until: head + uint64(len(frame))})
		}
		f.append(h.edge.workers, frame, e)
		h.edge.count.framesOut.Add(1)
	}
}

// grown returns b with room for a frame with n bytes of data.
func grown(b []byte, n int) []byte {
	if cap(b) < n+512 {
		return make([]byte, 0, n+512)
	}
	return b[:0]
}

func (h *hub) member(name string) *link {
	if h.byMember == nil {
		h.byMember = make(map[string]*link, len(h.links))
		for _, l := range h.links {
			if l.member != "" && l.flags&(wire.Observer|wire.Sender) == 0 {
				h.byMember[l.member] = l
			}
		}
	}
	return h.byMember[name]
}

// toOne delivers to one link.
func (h *hub) toOne(l *link, e *wire.Envelope) {
	switch e.Kind {
	case wire.KindWelcome:
		h.welcome(l, e)
	case wire.KindAck:
		l.answered(e.Command)
		l.pushFrame(l.here(), e, wire.FrameOptions{Hops: h.edge.completeHops(e)})
	case wire.KindReject, wire.KindAnswer:
		if e.Has(wire.Reattach) && l.tenure != nil && !l.untaken(e.Command) {
			return // an owner may have it
		}
		l.answered(e.Command)
		l.pushFrame(l.here(), e, wire.FrameOptions{})
	case wire.KindPresenceChange:
		l.pushFrame(l.here(), h.note(e, true), wire.FrameOptions{})
	case wire.KindMessage, wire.KindStatus, wire.KindEvent:
		l.pushFrame(l.here(), e, wire.FrameOptions{})
	case wire.KindPong:
		l.pushFrame(l.here(), e, h.edge.pong(e))
	case wire.KindTerminate:
		h.terminate(l, e)
	case wire.KindBacklogPart:
		l.caughtUp(e)
		h.backlog(l, e)
	case wire.KindExpires:
		l.extend(e)
	case wire.KindShows:
		l.shows(e)
	}
}

// terminate ends the link as its owner says, or has it wait for one that goes on.
func (h *hub) terminate(l *link, e *wire.Envelope) {
	if l.tenure != nil && e.Has(wire.Reattach) {
		l.lose()
		return
	}
	l.endAsTold(e)
	h.forsake(l)
}

// here returns the place of a frame that comes now: after the ring's head. hub.mu is held.
func (l *link) here() place {
	if l.fan == nil {
		return place{}
	}
	return place{l.fan.ring, l.fan.ring.Head()}
}

// pushFrame hands the link the frame made of e, for that place. Before the first welcome there is
// no place: only a status goes out then. hub.mu is held.
func (l *link) pushFrame(at place, e *wire.Envelope, o wire.FrameOptions) {
	l.edge.count.framesOut.Add(1)
	it := item{place: at, who: e.Kind == wire.KindPresenceChange, sent: ring.StampOf(e.Sent), data: encode(l.transport, make([]byte, 0, 160+len(e.Data)), e, l.epoch, o)}
	if l.welcomed || e.Kind == wire.KindStatus {
		l.push(it)
		return
	}
	l.mu.Lock()
	fits := l.admit(len(it.data))
	l.mu.Unlock()
	if !fits {
		l.slow("too many frames wait for this client")
		return
	}
	it.counted = true
	l.early = append(l.early, it)
}

// pushEarly hands over what came before the first welcome: behind all events that the owner had sent
// by then, which the welcome may lag behind.
func (l *link) pushEarly() {
	for _, it := range l.early {
		it.place = l.here()
		l.push(it)
	}
	l.early = nil
}

// welcome tells the link its state, and lets it follow the ring from there.
func (h *hub) welcome(l *link, e *wire.Envelope) {
	if h.returned(l, e) {
		return
	}
	h.name(l, e)
	l.fresh.CompareAndSwap(0, e.Acked+1)
	it := item{free: true, welcome: true}
	if !l.terse || l.welcomed || !e.Has(wire.Resumed) {
		frames := encodeWelcome(l.transport, e, wire.FrameOptions{Heartbeat: h.edge.timing.Heartbeat})
		h.edge.count.framesOut.Add(1)
		it.data, it.more = frames[0], frames[1:]
	}
	cursor := &wire.Cursor{Epoch: e.Epoch, Revision: e.Revision}
	if !e.Has(wire.Resumed) && len(e.Data) > 0 {
		l.viewBytes.Store(int64(len(e.Data)))
	}
	if l.watch {
		h.follow(l, e)
		it.move = h.placement(l, e.Revision, max(e.Until, e.Revision))
		it.move.cursor = cursor
	} else {
		it.move = &move{cursor: cursor}
		l.waiting.Store(0)
	}
	l.push(it)
	l.welcomed = true
	l.isOnline()
	l.pushEarly()
	l.decide(verdict{}) // last: what the client sends first may end the link, behind the welcome
}

// name notes who the link is.
func (h *hub) name(l *link, e *wire.Envelope) {
	if h.byMember != nil && l.flags&(wire.Observer|wire.Sender) == 0 {
		h.byMember[e.Member] = l
	}
	l.member, l.audience, l.epoch = e.Member, e.Audience, e.Epoch
}

// follow puts the link into the fan of its audience. A ring begins at the revision up to which
// the owner had sent events before there was anybody here to see them.
func (h *hub) follow(l *link, e *wire.Envelope) {
	var f *fan
	for i, have := range h.fans {
		if have.audience != e.Audience || have.presence != l.presence || have.transport != l.transport {
			continue
		}
		if have.epoch == e.Epoch {
			f = have
			break
		}
		// Another incarnation of the entity's events: what the ring holds is no longer history,
		// and whoever follows it asks for a fresh state.
		h.giveUp(i)
		break
	}
	if f == nil {
		f = &fan{
			audience: e.Audience, presence: l.presence, transport: l.transport, epoch: e.Epoch, owner: e.Number,
			ring:   ring.New(h.edge.budget, h.edge.memory.Ring, max(e.Until, e.Revision)),
			shares: make([]share, len(h.edge.workers)),
		}
		h.fans = append(h.fans, f)
	}
	if l.fan == f {
		return
	}
	h.unfollow(l)
	f.join(l)
}

func (s *share) markClosed(w *worker, f *fan) {
	if !s.empty() && !s.queued.Swap(true) {
		w.mark(f)
	}
}

// unfollow takes the link out of its fan. A ring that nobody follows gets no more events of the
// owner, so it goes.
func (h *hub) unfollow(l *link) {
	f := l.fan
	if f == nil {
		return
	}
	f.part(l)
	if f.links > 0 {
		return
	}
	f.ring.Close()
	for i, have := range h.fans {
		if have == f {
			h.fans = append(h.fans[:i], h.fans[i+1:]...)
			return
		}
	}
}

// forsake notes that the owner has given up the link. A ring with no other links gets no more events from
// then on: its links still take what it has, and who comes later gets a new one, without that gap.
func (h *hub) forsake(l *link) {
	f := l.fan
	if l.forsaken || f == nil {
		l.forsaken = true
		return
	}
	l.forsaken = true
	if f.fed--; f.fed == 0 {
		h.fans = slices.DeleteFunc(h.fans, func(have *fan) bool { return have == f })
	}
}
