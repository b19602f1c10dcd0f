package peer

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/tutti-rt/tutti/journal"
)

const (
	// magic begins every handshake, in both directions.
	magic = "tuttiP2P"

	// The protocol's versions that this program speaks.
	oldestVersion, newestVersion = 1, 1

	maxHello = 4 << 10
)

// What a connection is for.
const (
	forFrames = 1 + iota
	forStream
	forCall
)

var errHello = errors.New("peer: not a handshake")

// Instance tells one start of a process from another.
type Instance [16]byte

// String returns the beginning of i, which is enough for people.
func (i Instance) String() string { return hex.EncodeToString(i[:4]) }

// hello is what the node that dials says first. Later versions add fields at its end and leave these as they are, so that
// versions that do not fit can still say so.
type hello struct {
	oldest, newest uint16
	purpose        byte
	node, to       journal.NodeID // who is there, and who is wanted: 0 for anybody
	instance       Instance
	cluster, name  string
	service        string // of a stream or call
}

// reply is what the other node answers. Whatever the version, it has these fields.
type reply struct {
	reason   Reason // 0: welcome
	version  uint16
	node     journal.NodeID
	instance Instance
	name     string
	text     string // why not
}

func (h *hello) append(b []byte) []byte {
	b, start := begin(b)
	b = binary.BigEndian.AppendUint16(b, h.oldest)
	b = binary.BigEndian.AppendUint16(b, h.newest)
	b = append(b, h.purpose)
	b = binary.BigEndian.AppendUint64(b, uint64(h.node))
	b = binary.BigEndian.AppendUint64(b, uint64(h.to))
	b = append(b, h.instance[:]...)
	b = appendText(b, h.cluster)
	b = appendText(b, h.name)
	b = appendText(b, h.service)
	return end(b, start)
}

func (r *reply) append(b []byte) []byte {
	b, start := begin(b)
	b = append(b, byte(r.reason))
	b = binary.BigEndian.AppendUint16(b, r.version)
	b = binary.BigEndian.AppendUint64(b, uint64(r.node))
	b = append(b, r.instance[:]...)
	b = appendText(b, r.name)
	b = appendText(b, r.text)
	return end(b, start)
}

func begin(b []byte) ([]byte, int) {
	b = append(b, magic...)
	return append(b, 0, 0), len(b)
}

func end(b []byte, start int) []byte {
	binary.BigEndian.PutUint16(b[start:], uint16(len(b)-start-2))
	return b
}

func appendText(b []byte, s string) []byte {
	s = s[:min(len(s), 1000)]
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// readMessage reads what begin and end enclose.
func readMessage(r io.Reader) ([]byte, error) {
	var head [len(magic) + 2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	length := int(binary.BigEndian.Uint16(head[len(magic):]))
	if string(head[:len(magic)]) != magic || length > maxHello {
		return nil, errHello
	}
	body := make([]byte, length)
	_, err := io.ReadFull(r, body)
	return body, err
}

func decodeHello(body []byte) (hello, error) {
	s := scanner{rest: body}
	h := hello{oldest: s.uint16(), newest: s.uint16(), purpose: s.byte()}
	h.node, h.to = journal.NodeID(s.uint64()), journal.NodeID(s.uint64())
	copy(h.instance[:], s.take(len(h.instance)))
	h.cluster, h.name, h.service = s.text(), s.text(), s.text()
	return h, s.err
}

func decodeReply(body []byte) (reply, error) {
	s := scanner{rest: body}
	r := reply{reason: Reason(s.byte()), version: s.uint16(), node: journal.NodeID(s.uint64())}
	copy(r.instance[:], s.take(len(r.instance)))
	r.name, r.text = s.text(), s.text()
	return r, s.err
}

// scanner takes fields from the front of a message; once there is too little it yields zeros and an error.
type scanner struct {
	rest []byte
	err  error
}

func (s *scanner) take(n int) []byte {
	if s.err == nil && len(s.rest) < n {
		s.err = fmt.Errorf("%w: too short", errHello)
	}
	if s.err != nil {
		return make([]byte, min(n, 16)) // enough for a number
	}
	field := s.rest[:n]
	s.rest = s.rest[n:]
	return field
}

func (s *scanner) byte() byte     { return s.take(1)[0] }
func (s *scanner) uint16() uint16 { return binary.BigEndian.Uint16(s.take(2)) }
func (s *scanner) uint64() uint64 { return binary.BigEndian.Uint64(s.take(8)) }

func (s *scanner) text() string {
	n := int(s.uint16())
	if n > 1000 {
		s.err = fmt.Errorf("%w: a text of %d bytes", errHello, n)
	}
	field := s.take(n)
	if s.err != nil {
		return ""
	}
	return string(field)
}
