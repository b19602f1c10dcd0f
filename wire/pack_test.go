package wire_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tutti-rt/tutti/wire"
	"pgregory.net/rapid"
)

// envelopes draws envelopes of all shapes. It goes by reflection so that a field added to Envelope
// is in it at once, and a codec that does not know it fails.
func envelopes() *rapid.Generator[*wire.Envelope] {
	return rapid.Custom(func(t *rapid.T) *wire.Envelope {
		e := new(wire.Envelope)
		v := reflect.ValueOf(e).Elem()
		for i := range v.NumField() {
			f, name := v.Field(i), v.Type().Field(i).Name
			if rapid.IntRange(0, 2).Draw(t, "skip "+name) == 0 {
				continue
			}
			switch f.Interface().(type) {
			case wire.Kind:
				f.SetUint(uint64(rapid.Uint8().Draw(t, name)))
			case wire.Flags:
				f.SetUint(uint64(rapid.Uint32().Draw(t, name)))
			case string:
				f.SetString(rapid.String().Draw(t, name))
			case uint64:
				f.SetUint(rapid.Uint64().Draw(t, name))
			case int64:
				f.SetInt(rapid.Int64().Draw(t, name))
			case []byte:
				if b := rapid.SliceOf(rapid.Byte()).Draw(t, name); len(b) > 0 {
					f.SetBytes(b)
				}
			case *wire.Hops:
				f.Set(reflect.ValueOf(&wire.Hops{Edge: rapid.Int64().Draw(t, name), Fanout: rapid.Int64().Draw(t, name), At: rapid.Int64().Draw(t, name)}))
			default:
				t.Fatalf("draw %s: unknown type %s", name, f.Type())
			}
		}
		return e
	})
}

func TestEnvelopeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := envelopes().Draw(t, "envelope")
		packed := e.Append([]byte("x"))[1:]
		got, err := wire.DecodeEnvelope(packed)
		if err != nil {
			t.Fatalf("DecodeEnvelope(Append(%+v)) = %v", e, err)
		}
		if diff := cmp.Diff(e, got); diff != "" {
			t.Fatalf("DecodeEnvelope(Append): -want +got\n%s", diff)
		}
		if _, err := wire.DecodeEnvelope(packed[:rapid.IntRange(0, len(packed)-1).Draw(t, "cut")]); !errors.Is(err, wire.ErrPacked) {
			t.Fatalf("DecodeEnvelope of a part = %v, want ErrPacked", err)
		}
		if _, err := wire.DecodeEnvelope(append(packed, 0)); !errors.Is(err, wire.ErrPacked) {
			t.Fatalf("DecodeEnvelope of more = %v, want ErrPacked", err)
		}
	})
}

// TestEnvelopeGolden pins the bytes: nodes of different versions speak to each other.
func TestEnvelopeGolden(t *testing.T) {
	e := wire.Envelope{
		Kind: wire.KindCommand, Flags: wire.HasExpect | wire.Trace, Category: "room", ID: "1", Edge: "e", Link: 300,
		Number: 2, Command: 17, Expect: 5, Sent: -1, Name: "say", Data: []byte("{}"), Hops: &wire.Hops{Bus: 1},
	}
	want := []byte("\x03\x42\x9f\x98\xa8\x18\x04room\x011\x01e\xac\x02\x02\x11\x05\x01\x03say\x02{}\x00\x02\x00\x00\x00\x00\x00")
	if got := e.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("Append = %q, want %q", got, want)
	}
}

func FuzzDecodeEnvelope(f *testing.F) {
	e := wire.Envelope{Kind: wire.KindEvent, Flags: wire.HasPrev, Category: "room", ID: "1", Revision: 7, Name: "said", Data: []byte("{}"), Hops: &wire.Hops{}}
	f.Add(e.Append(nil))
	f.Add([]byte{1, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := wire.DecodeEnvelope(data)
		if err != nil {
			return
		}
		again, err := wire.DecodeEnvelope(e.Append(nil))
		if diff := cmp.Diff(e, again); err != nil || diff != "" {
			t.Fatalf("after %q: DecodeEnvelope(Append) = %v, -want +got\n%s", data, err, diff)
		}
	})
}

func backlogEvents() *rapid.Generator[wire.Envelope] {
	return rapid.Custom(func(t *rapid.T) wire.Envelope {
		e := wire.Envelope{
			Kind:     wire.KindEvent,
			Revision: rapid.Uint64().Draw(t, "rev"),
			At:       rapid.Int64().Draw(t, "at"),
			Command:  rapid.Uint64().Draw(t, "cmd"),
			Member:   rapid.String().Draw(t, "by"),
			Name:     rapid.String().Draw(t, "name"),
		}
		if b := rapid.SliceOf(rapid.Byte()).Draw(t, "data"); len(b) > 0 {
			e.Data = b
		}
		if rapid.Bool().Draw(t, "has prev") {
			e.Prev, e.Flags = rapid.Uint64Range(0, wire.MaxInteger).Draw(t, "prev"), wire.HasPrev
		}
		return e
	})
}

func TestBacklogRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(backlogEvents(), 0, 5).Draw(t, "events")
		var packed []byte
		for i := range want {
			packed = wire.AppendBacklogEvent(packed, &want[i])
		}
		var got []wire.Envelope
		for e, err := range wire.DecodeBacklog(packed) {
			if err != nil {
				t.Fatalf("DecodeBacklog(%v) = %v", want, err)
			}
			got = append(got, *e)
		}
		if len(want) == 0 {
			want = nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("DecodeBacklog: -want +got\n%s", diff)
		}
	})
}

func TestDecodeBacklogCutShort(t *testing.T) {
	packed := wire.AppendBacklogEvent(nil, &wire.Envelope{Revision: 1, Name: "a", Data: []byte("1")})
	whole := len(packed)
	packed = wire.AppendBacklogEvent(packed, &wire.Envelope{Revision: 2, Name: "b", Data: []byte("2")})
	for cut := whole + 1; cut < len(packed); cut++ {
		var events, failures int
		for _, err := range wire.DecodeBacklog(packed[:cut]) {
			if errors.Is(err, wire.ErrPacked) {
				failures++
			} else {
				events++
			}
		}
		if events != 1 || failures != 1 {
			t.Errorf("DecodeBacklog of %d of %d bytes = %d events and %d failures, want one each", cut, len(packed), events, failures)
		}
	}
}

func FuzzDecodeBacklog(f *testing.F) {
	f.Add(wire.AppendBacklogEvent(nil, &wire.Envelope{Revision: 1, Prev: 3, Name: "a", Data: []byte("1")}))
	f.Fuzz(func(t *testing.T, data []byte) {
		var packed []byte
		n := 0
		for e, err := range wire.DecodeBacklog(data) {
			if err != nil {
				return
			}
			packed = wire.AppendBacklogEvent(packed, e)
			n++
		}
		for _, err := range wire.DecodeBacklog(packed) {
			if err != nil {
				t.Fatalf("DecodeBacklog of what was repacked = %v", err)
			}
			n--
		}
		if n != 0 {
			t.Fatalf("DecodeBacklog of what was repacked: %d events differ", n)
		}
	})
}

func BenchmarkEnvelope(b *testing.B) {
	e := &wire.Envelope{
		Kind: wire.KindCommand, Category: "room", ID: "1", Edge: "edge-1", Link: 300, Number: 2, Conn: "0123456789abcdef0123456789abcdef",
		Command: 17, Sent: 1700000000000000, Name: "say", Data: make([]byte, 100),
	}
	packed := e.Append(nil)
	b.Run("op=append", func(b *testing.B) {
		buf := make([]byte, 0, 512)
		b.ReportAllocs()
		for b.Loop() {
			buf = e.Append(buf[:0])
		}
	})
	b.Run("op=decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := wire.DecodeEnvelope(packed); err != nil {
				b.Fatal(err)
			}
		}
	})
}
