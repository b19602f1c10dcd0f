package wire

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Types of frames that a client sends.
const (
	TypeCommand  = "command"
	TypeQuery    = "query"
	TypeSignal   = "signal"
	TypePresence = "presence" // the server sends frames of this type as well
	TypePing     = "ping"
	TypeAuth     = "auth"
	TypeLeave    = "leave"
)

// How fresh the answer to a query has to be.
const (
	Linearizable = "linearizable"
	Session      = "session"
	Eventual     = "eventual"
)

var (
	// ErrFrame means that a text is no frame: no JSON object, or one with a member that is missing
	// or has the wrong type. What is wrong stands in the error's text.
	ErrFrame = errors.New("malformed frame")
	// ErrUnknownType means that a frame has a type that clients do not send.
	ErrUnknownType = errors.New("unknown type of frame")
)

// ClientFrame is one frame from a client. Which fields a type uses stands with them; the others
// are zero.
type ClientFrame struct {
	Type string
	ID   uint64 // command, query
	Name string // command, query, signal
	Data []byte // command, query, signal, presence: JSON; empty in a frame to be encoded means null

	Expect    uint64 // command, with HasExpect
	HasExpect bool
	Trace     bool // command

	Consistency string // query; empty: linearizable
	MaxAge      uint64 // query that is eventual: ms

	T     []byte // ping: JSON
	Token string // auth

	Up, Down       int64 // ping: µs from the client to the edge and back, as the client measured them before
	HasUp, HasDown bool
}

// members holds the texts of the members that some frame of a client has.
type members struct {
	typ, id, name, data, expect, trace, consistency, maxAge, t, up, down, token []byte
}

func (m *members) set(name, value []byte) {
	switch string(name) {
	case "type":
		m.typ = value
	case "id":
		m.id = value
	case "name":
		m.name = value
	case "data":
		m.data = value
	case "expect":
		m.expect = value
	case "trace":
		m.trace = value
	case "consistency":
		m.consistency = value
	case "max_age_ms":
		m.maxAge = value
	case "t":
		m.t = value
	case "up":
		m.up = value
	case "down":
		m.down = value
	case "token":
		m.token = value
	}
}

var null = []byte("null")

// DecodeClientFrame decodes one frame. Members that its type does not use are ignored; of a
// repeated one the last counts; null for one that may be absent means absent. Data and T share
// line's memory and are JSON as the client wrote it (see CompactJSON).
//
// The error is ErrUTF8, ErrUnknownType or ErrFrame, and says what is wrong in words that a client
// may be shown.
func DecodeClientFrame(line []byte) (ClientFrame, error) {
	if !utf8.Valid(line) {
		return ClientFrame{}, ErrUTF8
	}
	var m members
	if err := scanObject(line, m.set); err != nil {
		return ClientFrame{}, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	f, bad := m.frame()
	switch bad {
	case "":
		return f, nil
	case unknownType:
		return ClientFrame{}, ErrUnknownType
	}
	return ClientFrame{}, fmt.Errorf("%w: %s", ErrFrame, bad)
}

const unknownType = "unknown type"

// frame interprets the members, and says in bad what is wrong with them.
func (m *members) frame() (f ClientFrame, bad string) {
	if !isString(m.typ) {
		return f, "type has to be a string"
	}
	typ := m.typ[1 : len(m.typ)-1]
	switch string(typ) { // conversions in a comparison do not allocate
	case TypeCommand:
		f.Type = TypeCommand
		bad = m.command(&f)
	case TypeQuery:
		f.Type = TypeQuery
		bad = m.query(&f)
	case TypeSignal:
		f.Type = TypeSignal
		bad = m.called(&f)
	case TypePresence:
		f.Type = TypePresence
		f.Data = orNull(m.data)
	case TypePing:
		f.Type = TypePing
		bad = m.ping(&f)
	case TypeAuth:
		f.Type = TypeAuth
		if !isString(m.token) {
			return f, "token has to be a string"
		}
		f.Token = unquote(m.token)
	case TypeLeave:
		f.Type = TypeLeave
	default:
		bad = unknownType
	}
	return f, bad
}

func (m *members) called(f *ClientFrame) (bad string) {
	if !isString(m.name) {
		return "name has to be a string"
	}
	f.Name = unquote(m.name)
	f.Data = orNull(m.data)
	return ""
}

func (m *members) numbered(f *ClientFrame) (bad string) {
	var ok bool
	if f.ID, ok = parseInteger(m.id); !ok || f.ID == 0 {
		return "id has to be an integer from 1 to 2^53-1"
	}
	return m.called(f)
}

func (m *members) command(f *ClientFrame) (bad string) {
	if bad = m.numbered(f); bad != "" {
		return bad
	}
	if bad = m.expected(f); bad != "" {
		return bad
	}
	switch {
	case absent(m.trace) || string(m.trace) == "false":
	case string(m.trace) == "true":
		f.Trace = true
	default:
		return "trace has to be a boolean"
	}
	return ""
}

func (m *members) ping(f *ClientFrame) (bad string) {
	f.T = orNull(m.t)
	if !absent(m.up) {
		if f.Up, f.HasUp = parseMicros(m.up); !f.HasUp {
			return "up has to be an integer from 0 to 60000000"
		}
	}
	if !absent(m.down) {
		if f.Down, f.HasDown = parseMicros(m.down); !f.HasDown {
			return "down has to be an integer from 0 to 60000000"
		}
	}
	return ""
}

// MaxMeasured is the longest time that a ping may say was measured, in µs.
const MaxMeasured = 60_000_000

func parseMicros(value []byte) (us int64, ok bool) {
	n, ok := parseInteger(value)
	if !ok || n > MaxMeasured {
		return 0, false
	}
	return int64(n), true
}

func (m *members) expected(f *ClientFrame) (bad string) {
	if absent(m.expect) {
		return ""
	}
	if f.Expect, f.HasExpect = parseInteger(m.expect); !f.HasExpect {
		return "expect has to be an integer from 0 to 2^53-1"
	}
	return ""
}

func (m *members) query(f *ClientFrame) (bad string) {
	if bad = m.numbered(f); bad != "" {
		return bad
	}
	if !absent(m.consistency) {
		switch string(m.consistency) {
		case `"` + Linearizable + `"`:
			f.Consistency = Linearizable
		case `"` + Session + `"`:
			f.Consistency = Session
		case `"` + Eventual + `"`:
			f.Consistency = Eventual
		default:
			return "consistency has to be linearizable, session or eventual"
		}
	}
	if !absent(m.maxAge) {
		var ok bool
		if f.MaxAge, ok = parseInteger(m.maxAge); !ok {
			return "max_age_ms has to be an integer from 0 to 2^53-1"
		}
	}
	return ""
}

func isString(value []byte) bool { return len(value) > 0 && value[0] == '"' }

func absent(value []byte) bool { return len(value) == 0 || string(value) == "null" }

func orNull(value []byte) []byte {
	if len(value) == 0 {
		return null
	}
	return value
}

// AppendClientFrame appends f as compact JSON, without a line break. Data and T are embedded as
// they are: they have to be compact JSON, and none is null.
func AppendClientFrame(dst []byte, f ClientFrame) []byte {
	dst = appendText(dst, `{"type":`, f.Type)
	switch f.Type {
	case TypeCommand, TypeQuery:
		dst = appendUint(dst, `,"id":`, f.ID)
		dst = appendText(dst, `,"name":`, f.Name)
		dst = appendRaw(dst, `,"data":`, f.Data)
	case TypeSignal:
		dst = appendText(dst, `,"name":`, f.Name)
		dst = appendRaw(dst, `,"data":`, f.Data)
	case TypePresence:
		dst = appendRaw(dst, `,"data":`, f.Data)
	case TypePing:
		dst = appendRaw(dst, `,"t":`, f.T)
		if f.HasUp {
			dst = appendInt(dst, `,"up":`, f.Up)
		}
		if f.HasDown {
			dst = appendInt(dst, `,"down":`, f.Down)
		}
	case TypeAuth:
		dst = appendText(dst, `,"token":`, f.Token)
	}
	if f.HasExpect && f.Type == TypeCommand {
		dst = appendUint(dst, `,"expect":`, f.Expect)
	}
	if f.Trace && f.Type == TypeCommand {
		dst = append(dst, `,"trace":true`...)
	}
	if f.Consistency != "" && f.Type == TypeQuery {
		dst = appendText(dst, `,"consistency":`, f.Consistency)
		if f.Consistency == Eventual {
			dst = appendUint(dst, `,"max_age_ms":`, f.MaxAge)
		}
	}
	return append(dst, '}')
}
