package natsbus

import (
	"log/slog"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// Heard reports whether the server knows of somebody who listens at the address.
func Heard(s *Server, cluster, lane string, at bus.Address, all bool) bool {
	a, err := s.nats.LookupAccount(laneUser(lane))
	if err != nil {
		return false
	}
	subject := subjectsOf(cluster, lane).one(at)
	if all {
		subject = subjectsOf(cluster, lane).all(at)
	}
	return a.Interest(subject) > 0
}

// Token is how an address is spelt in a subject.
func Token(s string) string { return token(s) }

// LaneUser and Password are what a client of a lane shows.
var (
	LaneUser = laneUser
	Password = password
)

// Feed has a bus take m as if it had arrived, and returns what its listener gets and how much of it was garbage.
func Feed(b *Bus, m []byte) (got []*wire.Envelope, garbage int64) {
	before := b.garbage.count.Load()
	in := &inbox{bus: b, lane: "default", subject: "s", count: new(arrivals), take: func(e *wire.Envelope) { got = append(got, e) }}
	in.receive(m, time.Now())
	return got, b.garbage.count.Load() - before
}

// NewFed returns a bus without connections that Feed feeds.
func NewFed() *Bus {
	return &Bus{garbage: complaint{log: slog.New(slog.DiscardHandler)}, dropped: complaint{log: slog.New(slog.DiscardHandler)}}
}

// Batch returns the message of envelopes in their binary form.
func Batch(packed ...[]byte) []byte {
	m := newMessage(nil, holdsBatch)
	for _, p := range packed {
		m = appendEnvelope(m, p)
	}
	m = (&trail{sender: 1, number: 1}).append(m)
	seal(m)
	return m
}

// Piece returns the message of a part of an envelope in its binary form.
func Piece(sender, number uint64, packed []byte, from, to int) []byte {
	p := part{sender: sender, number: number, offset: uint64(from), total: uint64(len(packed)), data: packed[from:to]}
	m := (&trail{sender: sender, number: 1}).append(p.append(newMessage(nil, holdsPart)))
	seal(m)
	return m
}

// Sealed returns a message with that inside, whatever it is.
func Sealed(inside []byte) []byte {
	m := append([]byte{0, 0, 0, 0}, inside...)
	seal(m)
	return m
}

// HeldBytes is what a bus holds of envelopes that have not arrived whole.
func HeldBytes(b *Bus) int { return b.parts.bytes }

// Says returns what the server logs with.
func Says(log *slog.Logger) server.Logger { return newSays(log, "password") }

// Marks returns after which looks at a subject that has fallen silent its sender says how far it got.
func Marks(looks int) (all []int) {
	t := newTrails("a", 1)
	t.next("subject")
	for i := range looks {
		if len(t.due()) > 0 {
			all = append(all, i)
		}
	}
	return all
}

// PieceBytes is what a piece of an envelope counts for beside its bytes.
const PieceBytes = pieceBytes
