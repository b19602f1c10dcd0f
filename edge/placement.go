package edge

import (
	"github.com/tutti-rt/tutti/wire"
)

// placement returns how a link that has everything up to rev goes on: in the ring, or by asking
// for what the ring has no more.
func (h *hub) placement(l *link, rev, until uint64) *move {
	if pos, head, ok := l.fan.ring.Place(rev); ok {
		l.backlogs = 0
		h.setCatching(l, false)
		return &move{fan: l.fan, pos: pos, replay: head}
	}
	l.backlogs++
	if l.backlogs > maxBacklogs || l.fan.ring.Closed() {
		l.backlogs = 0
		h.edge.count.conflations.Add(1)
		return &move{ask: &wire.Envelope{Kind: wire.KindRefresh}}
	}
	h.setCatching(l, true)
	h.edge.count.backlogs.Add(1)
	return &move{ask: &wire.Envelope{
		Kind: wire.KindBacklog, Audience: l.audience, Revision: rev, Until: max(until, l.fan.ring.Last()),
	}}
}

// backlog hands the link events from the journal.
func (h *hub) backlog(l *link, e *wire.Envelope) {
	if l.fan == nil {
		return
	}
	it := item{free: true, ask: e.Command}
	if e.Has(wire.TooFar) {
		h.edge.count.conflations.Add(1)
		it.move = &move{ask: &wire.Envelope{Kind: wire.KindRefresh}}
		l.push(it)
		return
	}
	room := h.edge.buffers.getOut()
	defer h.edge.buffers.putOut(room)
	for event, err := range wire.DecodeBacklog(e.Data) {
		if err != nil {
			h.edge.log.Error("backlog cannot be decoded", "entity", h.category+"/"+h.id, "error", err)
			l.end(ending{code: wire.EndUnavailable, message: "the entity's history is not readable", reconnect: true})
			return
		}
		*room = grown(*room, len(event.Data))
		it.data = append(it.data, encode(l.transport, *room, event, l.epoch, wire.FrameOptions{})...)
		h.edge.count.framesOut.Add(1)
	}
	it.move = &move{}
	if !e.Has(wire.More) {
		it.move = h.placement(l, e.Revision, 0)
	}
	it.move.cursor = &wire.Cursor{Epoch: l.epoch, Revision: e.Revision}
	l.push(it)
}
