package state

import (
	"strings"
	"time"

	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/wire"
)

// sight answers with the present view of the state. Like a query's answer it reflects every command acknowledged before it was
// asked for. A view that the client has already is not made.
func (e *entity) sight(ask *wire.Envelope) {
	e.look(ask)
	e.conclude(nil, nil)
}

func (e *entity) look(ask *wire.Envelope) {
	c, denied := e.caller(ask)
	if denied != nil {
		e.refuseSight(ask, wire.Denied, denied)
		return
	}
	if err := e.activate(); err != nil {
		e.refuseSight(ask, 0, &turn.Rejection{Code: wire.CodeUnavailable, Message: "the entity cannot be read just now"})
		return
	}
	s := &wire.Envelope{Audience: c.audience, Epoch: e.epoch(c.audience), Revision: e.live.mark.Revision}
	switch {
	case hasView(ask, s):
		s.Flags |= wire.Resumed
	case e.large():
		shown, ok := e.live.itsShadow().views[c.audience]
		if !ok || shown.revision != s.Revision {
			e.sightLater(ask, s)
			return
		}
		s.Data = shown.data
	default:
		began := time.Now()
		data, err := e.live.view(c.audience)
		e.part.node.meters.viewTurns.Since(began)
		if err != nil {
			e.sightFailed(ask, c.audience, err)
			return
		}
		s.Data = data
	}
	e.show(ask, s)
}

// hasView reports whether the client has the view that s is about.
func hasView(ask, s *wire.Envelope) bool {
	if len(ask.Data) == 0 {
		return false
	}
	if string(ask.Data) == "*" {
		return true
	}
	now := wire.Cursor{Epoch: s.Epoch, Revision: s.Revision}.String()
	for one := range strings.SplitSeq(string(ask.Data), " ") {
		if one == now {
			return true
		}
	}
	return false
}

// sightLater has the shadow make the view, together with the others that are wanted of it.
func (e *entity) sightLater(ask, s *wire.Envelope) {
	shadow := e.live.itsShadow()
	shadow.welcomes = append(shadow.welcomes, welcoming{ask: ask, env: s})
	e.workShadow()
}

// sightFrom sends a view that the shadow has made. It is as of a moment after it was asked for.
func (e *entity) sightFrom(w *shadowWork, wanted welcoming) {
	err := w.err
	if err == nil {
		err = w.fails[wanted.env.Audience]
	}
	if err != nil {
		e.sightFailed(wanted.ask, wanted.env.Audience, err)
		return
	}
	wanted.env.Revision, wanted.env.Data = w.mark.Revision, w.views[wanted.env.Audience]
	e.show(wanted.ask, wanted.env)
}

func (e *entity) sightFailed(ask *wire.Envelope, audience string, err error) {
	e.part.log.Error("view failed", "entity", e.id.String(), "audience", audience, "err", err)
	e.refuseSight(ask, 0, &turn.Rejection{Code: wire.CodeInternal, Message: "the entity failed to show its state"})
}

func (e *entity) refuseSight(ask *wire.Envelope, flags wire.Flags, why *turn.Rejection) {
	e.show(ask, &wire.Envelope{Flags: wire.Refused | flags, Code: why.Code, Message: why.Message})
}

// show makes an effect of what answers a question for the view.
func (e *entity) show(ask, s *wire.Envelope) {
	e.out = append(e.out, effect{lane: e.cat.opt.Lane, to: edgeAddress(ask.Edge), env: answered(wire.KindSight, ask, s)})
}
