package natsbus_test

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti/bus/natsbus"
	"github.com/tutti-rt/tutti/wire"
)

// FuzzMessage feeds a bus with what others may send, with a right checksum and as it is.
func FuzzMessage(f *testing.F) {
	packed := (&wire.Envelope{Kind: wire.KindEvent, Number: 7, Data: []byte("{}")}).Append(nil)
	for _, m := range [][]byte{nil, packed, natsbus.Batch(), natsbus.Batch(packed, packed), natsbus.Piece(1, 1, packed, 0, 2), natsbus.Piece(1, 1, packed, 0, len(packed))} {
		f.Add(m)
		if len(m) > 4 {
			f.Add(m[4:])
			f.Add(m[:len(m)-1])
		}
	}
	f.Fuzz(func(t *testing.T, m []byte) {
		b := natsbus.NewFed()
		for _, m := range [][]byte{m, natsbus.Sealed(m)} {
			got, garbage := natsbus.Feed(b, m)
			if len(got) == 0 && garbage == 0 && natsbus.HeldBytes(b) == 0 && (len(m) < 5 || m[4] != 2 && m[4] != 3) {
				t.Errorf("%x was neither taken nor counted", m)
			}
			for _, e := range got {
				if again, err := wire.DecodeEnvelope(e.Append(nil)); err != nil || !bytes.Equal(again.Append(nil), e.Append(nil)) {
					t.Errorf("%x gave an envelope that is none: %v", m, err)
				}
			}
			if held := natsbus.HeldBytes(b); held > len(m)+natsbus.PieceBytes {
				t.Errorf("%d bytes made the bus hold %d", len(m), held)
			}
		}
	})
}

// TestGarbageBesideEnvelopes has one bad envelope cost the others of its message nothing.
func TestGarbageBesideEnvelopes(t *testing.T) {
	b := natsbus.NewFed()
	packed := func(n uint64) []byte { return (&wire.Envelope{Kind: wire.KindEvent, Number: n}).Append(nil) }
	got, garbage := natsbus.Feed(b, natsbus.Batch(packed(1), []byte{1, 255, 255, 255, 255, 255}, packed(2)))
	if len(got) != 2 || got[0].Number != 1 || got[1].Number != 2 || garbage != 1 {
		t.Errorf("took %d envelopes and counted %d, want 2 and 1", len(got), garbage)
	}
	m := natsbus.Batch(packed(1), packed(2))
	for i := range m {
		m[i] ^= 1
		if got, garbage := natsbus.Feed(b, m); len(got) != 0 || garbage != 1 {
			t.Errorf("a message with byte %d changed: took %d envelopes, want none", i, len(got))
		}
		m[i] ^= 1
	}
}

// TestParts has senders send envelopes in parts, some of which are lost: what arrives is whole, in order, at most once.
func TestParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := natsbus.NewFed()
		type sender struct {
			number, at, last uint64
			pieces, most     int // of the present envelope, and of any: where the first part is lost, what there is of an older one is held
		}
		senders := make([]sender, 3)
		envelope := func(s int, n uint64) []byte {
			data := bytes.Repeat([]byte(fmt.Sprintf("%d/%d ", s, n)), 30)
			return (&wire.Envelope{Kind: wire.KindWelcome, Link: uint64(s), Number: n, Data: data}).Append(nil)
		}
		arrived := 0
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			i := rapid.IntRange(0, len(senders)-1).Draw(t, "sender")
			s := &senders[i]
			if s.at == 0 {
				s.number++
				s.pieces = 0
			}
			s.pieces++
			s.most = max(s.most, s.pieces)
			packed := envelope(i, s.number)
			end := min(len(packed), int(s.at)+rapid.IntRange(1, len(packed)).Draw(t, "bytes"))
			m := natsbus.Piece(uint64(i), s.number, packed, int(s.at), end)
			if s.at = uint64(end); end == len(packed) {
				s.at = 0
			}
			if rapid.IntRange(0, 9).Draw(t, "fate") == 0 {
				continue // lost
			}
			got, garbage := natsbus.Feed(b, m)
			if garbage != 0 {
				t.Fatalf("a part was counted as garbage")
			}
			for _, e := range got {
				arrived++
				from := &senders[e.Link]
				if e.Number <= from.last || !bytes.Equal(e.Append(nil), envelope(int(e.Link), e.Number)) {
					t.Fatalf("sender %d: envelope %d after %d, or another one", e.Link, e.Number, from.last)
				}
				from.last = e.Number
			}
		}
		most := 0
		for i, s := range senders {
			most += len(envelope(i, s.number)) + s.most*natsbus.PieceBytes
		}
		if held := natsbus.HeldBytes(b); held > most {
			t.Fatalf("%d bytes are held of %d envelopes", held, len(senders))
		}
	})
}

// TestPartsAreBounded has senders begin envelopes and never end them.
func TestPartsAreBounded(t *testing.T) {
	b := natsbus.NewFed()
	packed := (&wire.Envelope{Kind: wire.KindWelcome, Data: make([]byte, 4<<20)}).Append(nil)
	for i := range 1500 {
		size := 10
		if i < 150 {
			size = 2 << 20
		}
		natsbus.Feed(b, natsbus.Piece(uint64(i), 1, packed, 0, size))
		if held := natsbus.HeldBytes(b); held > 2*natsbus.MaxEnvelopeBytes {
			t.Fatalf("%d bytes are held", held)
		}
	}
	if got, _ := natsbus.Feed(b, natsbus.Piece(1499, 1, packed, 10, len(packed))); len(got) != 1 {
		t.Error("the newest was given up for older ones")
	}
	if got, _ := natsbus.Feed(b, natsbus.Piece(0, 1, packed, 2<<20, len(packed))); len(got) != 0 {
		t.Error("the oldest was kept beyond the bound")
	}
	if b.Stats().Dropped < 400 {
		t.Errorf("%d were counted as dropped", b.Stats().Dropped)
	}
}

func TestTokens(t *testing.T) {
	for address, want := range map[string]string{
		"owner.room.3": "owner/room/3", "": "%", "a b": "a%20b", "*": "%2A", "日": "%E6%97%A5", "a/b": "a%2Fb",
	} {
		if got := natsbus.Token(address); got != want {
			t.Errorf("the token of %q is %q, want %q", address, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		if (a == b) != (natsbus.Token(a) == natsbus.Token(b)) {
			t.Errorf("%q and %q have tokens %q and %q", a, b, natsbus.Token(a), natsbus.Token(b))
		}
	})
}
