package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrPacked means that bytes are no packed envelope or backlog.
var ErrPacked = errors.New("wire: malformed envelope")

// Bits of an envelope's presence mask, in the order in which the fields follow it. A field that is
// zero is absent. New fields get new bits at the end; a decoder refuses bits that it does not know.
const (
	hasCategory = 1 << iota
	hasID
	hasEdge
	hasLink
	hasNumber
	hasConn
	hasMember
	hasExcept
	hasAudience
	hasEpoch
	hasCommand
	hasExpect
	hasRevision
	hasPrev
	hasUntil
	hasAcked
	hasAt
	hasSent
	hasSpent
	hasName
	hasCode
	hasMessage
	hasFrom
	hasClaims
	hasData
	hasHops
	hasKey
	endOfMask
)

// Append appends e in its binary form: kind, flags and mask, then each field that is not zero,
// strings and bytes with their length before them.
func (e *Envelope) Append(dst []byte) []byte {
	p := packer{b: append(dst, byte(e.Kind))}
	p.b = binary.AppendUvarint(p.b, uint64(e.Flags))
	p.b = binary.AppendUvarint(p.b, e.mask())
	p.text(e.Category)
	p.text(e.ID)
	p.text(e.Edge)
	p.uint(e.Link)
	p.uint(e.Number)
	p.text(e.Conn)
	p.text(e.Member)
	p.text(e.Except)
	p.text(e.Audience)
	p.text(e.Epoch)
	p.uint(e.Command)
	p.uint(e.Expect)
	p.uint(e.Revision)
	p.uint(e.Prev)
	p.uint(e.Until)
	p.uint(e.Acked)
	p.int(e.At)
	p.int(e.Sent)
	p.int(e.Spent)
	p.text(e.Name)
	p.text(e.Code)
	p.text(e.Message)
	p.text(e.From)
	p.bytes(e.Claims)
	p.bytes(e.Data)
	if h := e.Hops; h != nil {
		for _, us := range [...]int64{h.Edge, h.Bus, h.Mailbox, h.Handler, h.Journal, h.Fanout, h.At} {
			p.b = binary.AppendVarint(p.b, us)
		}
	}
	p.text(e.Key)
	return p.b
}

func (e *Envelope) mask() uint64 {
	var m uint64
	for i, set := range [...]bool{
		e.Category != "", e.ID != "", e.Edge != "", e.Link != 0, e.Number != 0, e.Conn != "", e.Member != "",
		e.Except != "", e.Audience != "", e.Epoch != "", e.Command != 0, e.Expect != 0, e.Revision != 0,
		e.Prev != 0, e.Until != 0, e.Acked != 0, e.At != 0, e.Sent != 0, e.Spent != 0, e.Name != "",
		e.Code != "", e.Message != "", e.From != "", len(e.Claims) > 0, len(e.Data) > 0, e.Hops != nil,
		e.Key != "",
	} {
		if set {
			m |= 1 << i
		}
	}
	return m
}

// DecodeEnvelope is the inverse of Append. Claims and Data share data's memory; bytes that were
// empty are nil. The error is ErrPacked.
func DecodeEnvelope(data []byte) (*Envelope, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("%w: empty", ErrPacked)
	}
	e := &Envelope{Kind: Kind(data[0])}
	u := unpacker{b: data[1:]}
	flags, mask := u.uint(true), u.uint(true)
	if flags > 1<<32-1 || mask >= endOfMask {
		return nil, fmt.Errorf("%w: unknown flags or fields", ErrPacked)
	}
	e.Flags = Flags(flags)
	e.Category = u.text(mask&hasCategory != 0)
	e.ID = u.text(mask&hasID != 0)
	e.Edge = u.text(mask&hasEdge != 0)
	e.Link = u.uint(mask&hasLink != 0)
	e.Number = u.uint(mask&hasNumber != 0)
	e.Conn = u.text(mask&hasConn != 0)
	e.Member = u.text(mask&hasMember != 0)
	e.Except = u.text(mask&hasExcept != 0)
	e.Audience = u.text(mask&hasAudience != 0)
	e.Epoch = u.text(mask&hasEpoch != 0)
	e.Command = u.uint(mask&hasCommand != 0)
	e.Expect = u.uint(mask&hasExpect != 0)
	e.Revision = u.uint(mask&hasRevision != 0)
	e.Prev = u.uint(mask&hasPrev != 0)
	e.Until = u.uint(mask&hasUntil != 0)
	e.Acked = u.uint(mask&hasAcked != 0)
	e.At = u.int(mask&hasAt != 0)
	e.Sent = u.int(mask&hasSent != 0)
	e.Spent = u.int(mask&hasSpent != 0)
	e.Name = u.text(mask&hasName != 0)
	e.Code = u.text(mask&hasCode != 0)
	e.Message = u.text(mask&hasMessage != 0)
	e.From = u.text(mask&hasFrom != 0)
	e.Claims = u.bytes(mask&hasClaims != 0)
	e.Data = u.bytes(mask&hasData != 0)
	if mask&hasHops != 0 {
		e.Hops = &Hops{u.int(true), u.int(true), u.int(true), u.int(true), u.int(true), u.int(true), u.int(true)}
	}
	e.Key = u.text(mask&hasKey != 0)
	if u.bad || len(u.b) > 0 {
		return nil, fmt.Errorf("%w: cut short or too long", ErrPacked)
	}
	return e, nil
}

// packer appends fields that are not zero.
type packer struct{ b []byte }

func (p *packer) text(s string) {
	if s != "" {
		p.b = append(binary.AppendUvarint(p.b, uint64(len(s))), s...)
	}
}

func (p *packer) bytes(s []byte) {
	if len(s) > 0 {
		p.b = append(binary.AppendUvarint(p.b, uint64(len(s))), s...)
	}
}

func (p *packer) uint(n uint64) {
	if n != 0 {
		p.b = binary.AppendUvarint(p.b, n)
	}
}

func (p *packer) int(n int64) {
	if n != 0 {
		p.b = binary.AppendVarint(p.b, n)
	}
}

// unpacker takes fields from the front of b. After the first one that b does not hold, bad is set
// and all others are zero.
type unpacker struct {
	b   []byte
	bad bool
}

func (u *unpacker) uint(present bool) uint64 {
	if !present || u.bad {
		return 0
	}
	n, size := binary.Uvarint(u.b)
	if size <= 0 {
		u.bad = true
		return 0
	}
	u.b = u.b[size:]
	return n
}

func (u *unpacker) int(present bool) int64 {
	if !present || u.bad {
		return 0
	}
	n, size := binary.Varint(u.b)
	if size <= 0 {
		u.bad = true
		return 0
	}
	u.b = u.b[size:]
	return n
}

func (u *unpacker) bytes(present bool) []byte {
	n := u.uint(present)
	if n > uint64(len(u.b)) {
		u.bad = true
		return nil
	}
	if n == 0 {
		return nil
	}
	s := u.b[:n:n]
	u.b = u.b[n:]
	return s
}

func (u *unpacker) text(present bool) string { return string(u.bytes(present)) }
