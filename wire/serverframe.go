package wire

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Types of frames that a server sends, besides TypePresence.
const (
	TypeWelcome   = "welcome"
	TypeEvent     = "event"
	TypeAck       = "ack"
	TypeReject    = "reject"
	TypeAnswer    = "answer"
	TypeMessage   = "message"
	TypeStatus    = "status"
	TypePong      = "pong"
	TypeTerminate = "terminate"
)

// ServerFrame is one frame from a server. Which fields a type uses stands with them; the others
// are zero.
type ServerFrame struct {
	Type string

	Revision uint64 // welcome, event, ack, answer
	ID       uint64 // ack, reject, answer
	Name     string // event, message
	Data     []byte // welcome: the state; ack: the reply; event, answer, message: data; pong: t. JSON
	By       string // event, message: a member

	Prev    uint64 // event: of the visible event before it
	At      int64  // event: Unix ms; pong: when the ping came, Unix µs, the edge's clock
	Command uint64 // event: the command that caused it; 0: none

	Member    string // welcome
	Epoch     string // welcome
	Resumed   bool   // welcome
	Known     bool   // welcome
	Acked     uint64 // welcome
	Heartbeat int64  // welcome: ms

	Code      string // reject, terminate; status: its state
	Message   string // reject, terminate
	Reconnect bool   // terminate
	After     int64  // terminate: ms

	EdgeUS, StateUS int64 // pong

	Hops     *Hops           // ack of a traced command
	Presence *PresenceChange // presence
}

// PresenceChange says who came, left and changed, and how many are here.
type PresenceChange struct {
	Count   int       `json:"count"`
	Joined  []Present `json:"joined,omitempty"`
	Left    []string  `json:"left,omitempty"`
	Updated []Present `json:"updated,omitempty"`
}

// Present is one member who is here.
type Present struct {
	Member string          `json:"member"`
	Who    json.RawMessage `json:"who,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`
}

// DecodeServerFrame decodes one frame. Unknown members are ignored, and so is the content of a
// frame of unknown type: a later version of the protocol may add to both. Data shares line's
// memory. The error is ErrUTF8 or ErrFrame.
func DecodeServerFrame(line []byte) (ServerFrame, error) {
	if !utf8.Valid(line) {
		return ServerFrame{}, ErrUTF8
	}
	d := serverDecoder{}
	if err := scanObject(line, d.member); err != nil {
		return ServerFrame{}, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	d.finish(line)
	if d.bad != nil {
		return ServerFrame{}, d.bad
	}
	return d.f, nil
}

type serverDecoder struct {
	f       ServerFrame
	hasPrev bool
	bad     error // the first mistake
}

// finish does what depends on the frame's type, which need not be its first member.
func (d *serverDecoder) finish(line []byte) {
	switch d.f.Type {
	case "":
		d.fail("type", "a string")
	case TypeEvent:
		if !d.hasPrev && d.f.Revision > 0 {
			d.f.Prev = d.f.Revision - 1
		}
	case TypeStatus:
		d.f.Code = d.text("state", d.f.Data)
		d.f.Data = nil
	case TypePresence:
		d.f.Presence = new(PresenceChange)
		if err := json.Unmarshal(line, d.f.Presence); err != nil && d.bad == nil {
			d.bad = fmt.Errorf("%w: %w", ErrFrame, err)
		}
	}
}

func (d *serverDecoder) member(name, value []byte) {
	switch string(name) {
	case "type":
		d.f.Type = d.typ(value)
	case "rev":
		d.f.Revision = d.uint("rev", value)
	case "id":
		d.f.ID = d.uint("id", value)
	case "name":
		d.f.Name = d.text("name", value)
	case "data", "state", "reply", "t":
		d.f.Data = value
	case "by":
		d.f.By = d.text("by", value)
	case "prev":
		d.f.Prev = d.uint("prev", value)
		d.hasPrev = true
	case "at":
		d.f.At = d.int("at", value)
	case "cmd":
		d.f.Command = d.uint("cmd", value)
	case "member":
		d.f.Member = d.text("member", value)
	case "epoch":
		d.f.Epoch = d.text("epoch", value)
	case "resumed":
		d.f.Resumed = d.bool("resumed", value)
	case "known":
		d.f.Known = d.bool("known", value)
	case "acked":
		d.f.Acked = d.uint("acked", value)
	case "heartbeat":
		d.f.Heartbeat = d.int("heartbeat", value)
	case "code":
		d.f.Code = d.text("code", value)
	case "message":
		d.f.Message = d.text("message", value)
	case "reconnect":
		d.f.Reconnect = d.bool("reconnect", value)
	case "after":
		d.f.After = d.int("after", value)
	case "edge_us":
		d.f.EdgeUS = d.int("edge_us", value)
	case "state_us":
		d.f.StateUS = d.int("state_us", value)
	case "trace":
		d.hops(value)
	}
}

// typ returns the type without allocating for the known ones.
func (d *serverDecoder) typ(value []byte) string {
	if isString(value) {
		switch word := value[1 : len(value)-1]; string(word) {
		case TypeEvent:
			return TypeEvent
		case TypeAck:
			return TypeAck
		case TypeMessage:
			return TypeMessage
		case TypeAnswer:
			return TypeAnswer
		case TypePong:
			return TypePong
		case TypePresence:
			return TypePresence
		}
	}
	return d.text("type", value)
}

func (d *serverDecoder) hops(value []byte) {
	h := new(Hops)
	if !absent(value) {
		if err := scanObject(value, func(name, v []byte) {
			switch string(name) {
			case "edge":
				h.Edge = d.int("edge", v)
			case "bus":
				h.Bus = d.int("bus", v)
			case "mailbox":
				h.Mailbox = d.int("mailbox", v)
			case "handler":
				h.Handler = d.int("handler", v)
			case "journal":
				h.Journal = d.int("journal", v)
			case "fanout":
				h.Fanout = d.int("fanout", v)
			case "at":
				h.At = d.int("at", v)
			}
		}); err != nil {
			d.fail("trace", "an object")
		}
		d.f.Hops = h
	}
}

func (d *serverDecoder) fail(name, want string) {
	if d.bad == nil {
		d.bad = fmt.Errorf("%w: %s has to be %s", ErrFrame, name, want)
	}
}

func (d *serverDecoder) text(name string, value []byte) string {
	if !isString(value) {
		d.fail(name, "a string")
		return ""
	}
	return unquote(value)
}

func (d *serverDecoder) uint(name string, value []byte) uint64 {
	n, ok := parseInteger(value)
	if !ok {
		d.fail(name, "an integer from 0 to 2^53-1")
	}
	return n
}

func (d *serverDecoder) int(name string, value []byte) int64 {
	if len(value) > 1 && value[0] == '-' {
		return -int64(d.uint(name, value[1:]))
	}
	return int64(d.uint(name, value))
}

func (d *serverDecoder) bool(name string, value []byte) bool {
	if string(value) != "true" && string(value) != "false" {
		d.fail(name, "a boolean")
	}
	return string(value) == "true"
}
