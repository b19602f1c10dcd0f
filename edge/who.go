package edge

import (
	"encoding/json"
	"strconv"

	"github.com/tutti-rt/tutti/wire"
)

// here is who the clients at an entity know is here. It is kept where owners change: the next one does not know.
type here struct {
	count   int
	members map[string]bool
}

// maxKnown bounds the members that are remembered. Clients know no more than are listed but for a while after a change.
const maxKnown = 8 * wire.MaxMembers

// whoIsHere is a presence frame, as far as it says whom clients know.
type whoIsHere struct {
	Count  int        `json:"count"`
	Joined []memberID `json:"joined"`
	Left   []string   `json:"left"`
}

type memberID struct {
	Member string `json:"member"`
}

// note takes what clients are told of who is here. A list that replaces what they know becomes a change of it, which is
// returned. hub.mu is held.
func (h *hub) note(e *wire.Envelope, list bool) *wire.Envelope {
	if h.edge.recovery == nil {
		return e
	}
	var frame whoIsHere
	if json.Unmarshal(e.Data, &frame) != nil {
		return e
	}
	before := h.here
	if before == nil || list || e.Has(wire.Refresh) {
		h.here = &here{members: make(map[string]bool)}
	}
	h.here.count = frame.Count
	for _, id := range frame.Left {
		delete(h.here.members, id)
	}
	for _, m := range frame.Joined {
		if len(h.here.members) < maxKnown {
			h.here.members[m.Member] = true
		}
	}
	if before == nil || !e.Has(wire.Refresh) {
		return e
	}
	return h.here.replaces(before, e)
}

// replaces returns the list e with those who are not on it and were known before as gone.
func (n *here) replaces(before *here, e *wire.Envelope) *wire.Envelope {
	data := strconv.AppendInt([]byte(`{"count":`), int64(n.count), 10)
	first := true
	for id := range before.members {
		if n.members[id] {
			continue
		}
		if first {
			data = append(data, `,"left":[`...)
			first = false
		} else {
			data = append(data, ',')
		}
		data = strconv.AppendQuote(data, id)
	}
	if !first {
		data = append(data, ']')
	}
	var rest struct {
		Joined json.RawMessage `json:"joined"`
	}
	if json.Unmarshal(e.Data, &rest) == nil && len(rest.Joined) > 0 {
		data = append(append(data, `,"joined":`...), rest.Joined...)
	}
	change := *e
	change.Data = append(data, '}')
	return &change
}
