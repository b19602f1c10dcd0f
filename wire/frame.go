package wire

import (
	"bytes"
	"iter"
	"time"
)

// FrameOptions is what an edge adds to an envelope to make a frame of it.
type FrameOptions struct {
	Heartbeat time.Duration // of a welcome: how often the edge pings
	EdgeUS    int64         // of a pong: the edge's own time, µs
	At        int64         // of a pong: when the ping came, Unix µs
	After     time.Duration // of a terminate with Reconnect: how long the client waits first
	Hops      *Hops         // of an ack: replaces the envelope's Hops, which the edge completes
}

// Hops is where the time of one traced command went, in µs.
type Hops struct {
	Edge    int64 // in the edge, from the socket to the bus
	Bus     int64 // from the edge to the owner
	Mailbox int64 // waiting for the entity
	Handler int64 // in the turn
	Journal int64 // from the end of the turn until its events were durable
	Fanout  int64 // from then until the frame was made at the edge
	At      int64 // when the edge read the command from the socket, Unix µs, its clock
}

// AppendFrame appends the frame that a client gets for an envelope of an owner: compact JSON,
// without a line break. Data is embedded as it is: it has to be compact JSON, and none is null. An
// envelope of a kind that clients never see appends nothing.
func AppendFrame(dst []byte, e *Envelope, o FrameOptions) []byte {
	switch e.Kind {
	case KindWelcome:
		return appendWelcome(dst, e, o)
	case KindEvent:
		return appendEvent(dst, e)
	case KindAck:
		return appendAck(dst, e, o)
	case KindReject:
		dst = appendUint(dst, `{"type":"reject","id":`, e.Command)
		dst = appendText(dst, `,"code":`, e.Code)
		dst = appendText(dst, `,"message":`, e.Message)
	case KindAnswer:
		dst = appendUint(dst, `{"type":"answer","id":`, e.Command)
		dst = appendUint(dst, `,"rev":`, e.Revision)
		dst = appendRaw(dst, `,"data":`, e.Data)
		if e.Has(Mirrored) {
			dst = appendInt(dst, `,"age_ms":`, (e.Spent+999)/1000)
		}
	case KindMessage:
		dst = appendText(dst, `{"type":"message","name":`, e.Name)
		dst = appendRaw(dst, `,"data":`, e.Data)
		if e.Member != "" {
			dst = appendText(dst, `,"by":`, e.Member)
		}
	case KindPresenceChange:
		dst = append(dst, `{"type":"presence"`...)
		if len(e.Data) > 2 { // more than {}
			return append(append(dst, ','), e.Data[1:]...)
		}
	case KindPong:
		dst = appendRaw(dst, `{"type":"pong","t":`, e.Data)
		dst = appendInt(dst, `,"edge_us":`, o.EdgeUS)
		dst = appendInt(dst, `,"state_us":`, e.Spent)
		dst = appendInt(dst, `,"at":`, o.At)
	case KindTerminate:
		dst = appendText(dst, `{"type":"terminate","code":`, e.Code)
		dst = appendText(dst, `,"message":`, e.Message)
		dst = appendBool(dst, `,"reconnect":`, e.Has(Reconnect))
		if e.Has(Reconnect) {
			dst = appendInt(dst, `,"after":`, o.After.Milliseconds())
		}
	case KindStatus:
		dst = appendText(dst, `{"type":"status","state":`, e.Code)
	default:
		return dst
	}
	return append(dst, '}')
}

func appendWelcome(dst []byte, e *Envelope, o FrameOptions) []byte {
	dst = append(dst, `{"type":"welcome"`...)
	if e.Member != "" {
		dst = appendText(dst, `,"member":`, e.Member)
	}
	dst = appendText(dst, `,"epoch":`, e.Epoch)
	dst = appendUint(dst, `,"rev":`, e.Revision)
	dst = appendBool(dst, `,"resumed":`, e.Has(Resumed))
	dst = appendUint(dst, `,"acked":`, e.Acked)
	dst = appendBool(dst, `,"known":`, e.Has(Known))
	if !e.Has(Resumed) && len(e.Data) > 0 {
		dst = appendRaw(dst, `,"state":`, e.Data)
	}
	dst = appendInt(dst, `,"heartbeat":`, o.Heartbeat.Milliseconds())
	return append(dst, '}')
}

func appendEvent(dst []byte, e *Envelope) []byte {
	dst = appendUint(dst, `{"type":"event","rev":`, e.Revision)
	if e.Prev != 0 || e.Has(HasPrev) {
		dst = appendUint(dst, `,"prev":`, e.Prev)
	}
	dst = appendText(dst, `,"name":`, e.Name)
	dst = appendRaw(dst, `,"data":`, e.Data)
	dst = appendInt(dst, `,"at":`, e.At)
	if e.Member != "" {
		dst = appendText(dst, `,"by":`, e.Member)
	}
	if e.Command != 0 {
		dst = appendUint(dst, `,"cmd":`, e.Command)
	}
	return append(dst, '}')
}

func appendAck(dst []byte, e *Envelope, o FrameOptions) []byte {
	dst = appendUint(dst, `{"type":"ack","id":`, e.Command)
	dst = appendUint(dst, `,"rev":`, e.Revision)
	if len(e.Data) > 0 {
		dst = appendRaw(dst, `,"reply":`, e.Data)
	}
	h := e.Hops
	if o.Hops != nil {
		h = o.Hops
	}
	if h != nil {
		dst = appendInt(dst, `,"trace":{"edge":`, h.Edge)
		dst = appendInt(dst, `,"bus":`, h.Bus)
		dst = appendInt(dst, `,"mailbox":`, h.Mailbox)
		dst = appendInt(dst, `,"handler":`, h.Handler)
		dst = appendInt(dst, `,"journal":`, h.Journal)
		dst = appendInt(dst, `,"fanout":`, h.Fanout)
		dst = appendInt(dst, `,"at":`, h.At)
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

// Frames returns the frames of one WebSocket message: its lines, without the empty ones.
func Frames(message []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(message) > 0 {
			line := message
			if i := bytes.IndexByte(message, '\n'); i >= 0 {
				line, message = message[:i], message[i+1:]
			} else {
				message = nil
			}
			if skipSpace(line, 0) < len(line) && !yield(line) {
				return
			}
		}
	}
}
