package bench

// In the package, since links and scanners are not part of its API.

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// frame returns a server's WebSocket frame.
func frame(head byte, payload string) []byte {
	b := []byte{head}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, payload...)
}

// pipe returns a link whose other end gets the chunks, one write each.
func pipe(t *testing.T, chunks ...[]byte) *link {
	t.Helper()
	ours, theirs := net.Pipe()
	l := &link{conn: ours, in: make([]byte, 64)}
	var both sync.WaitGroup
	both.Go(func() {
		for _, c := range chunks {
			if _, err := theirs.Write(c); err != nil {
				return
			}
		}
	})
	both.Go(func() { _, _ = io.Copy(io.Discard, theirs) }) // pongs
	t.Cleanup(func() {
		l.close()
		both.Wait()
		theirs.Close()
	})
	return l
}

// read takes n frames from the link.
func read(t *testing.T, l *link, n int) []string {
	t.Helper()
	var got []string
	for len(got) < n {
		err := l.read(func(frame []byte, _ time.Time) error {
			got = append(got, string(frame))
			return nil
		})
		if err != nil {
			t.Fatalf("read after %d frames: %v", len(got), err)
		}
	}
	return got
}

func TestReadWhateverTheChunks(t *testing.T) {
	want := []string{"a", "b", strings.Repeat("c", 300), "d", strings.Repeat("e", 70_000), "f"}
	stream := slices.Concat(
		frame(0x81, "a\nb"), frame(0x81, want[2]), frame(0x89, "ping"), frame(0x81, "d"), frame(0x81, want[4]), frame(0x81, "f"))
	for _, size := range []int{1, 3, 64, 1000, len(stream)} {
		l := pipe(t, slices.Collect(slices.Chunk(stream, size))...)
		if got := read(t, l, len(want)); !slices.Equal(got, want) {
			t.Errorf("in chunks of %d: got %d frames, not those that were sent", size, len(got))
		}
	}
}

func TestReadEndsWithTheLink(t *testing.T) {
	l := pipe(t, frame(0x88, "\x11\x30no"))
	err := l.read(func([]byte, time.Time) error { return nil })
	if !errors.Is(err, errClosed) || !strings.Contains(err.Error(), "4400 no") {
		t.Errorf("read = %v, want %v with 4400 no", err, errClosed)
	}
}

// TestScanners holds the scanners to what the node's own encoder writes.
func TestScanners(t *testing.T) {
	b := wire.AppendFrame(nil, &wire.Envelope{Kind: wire.KindAck, Command: 17, Revision: 43, Data: []byte(`{"n":1}`)}, wire.FrameOptions{})
	if id, rev, ok := ack(b); id != 17 || rev != 43 || !ok {
		t.Errorf("ack(%s) = %d, %d, %v", b, id, rev, ok)
	}
	b = wire.AppendFrame(nil, &wire.Envelope{
		Kind: wire.KindEvent, Revision: 9, Prev: 7, Name: "painted", Data: []byte(`{"x":255,"y":0,"color":15}`), At: 1, Member: "m", Command: 3,
	}, wire.FrameOptions{})
	rev, data, ok := event(b)
	if rev != 9 || !ok {
		t.Fatalf("event(%s) = %d, %v", b, rev, ok)
	}
	var xyc [3]uint64
	if !numbers(data, xyc[:]) || xyc != [3]uint64{255, 0, 15} {
		t.Errorf("numbers(%s) = %v", data, xyc)
	}
	for _, other := range []string{"", `{"type":"ack"`, `{"type":"event","rev":`, `{"type":"event","rev":1}`, `{"type":"reject","id":1}`} {
		if _, _, ok := ack([]byte(other)); ok {
			t.Errorf("ack(%s) = true", other)
		}
		if _, _, ok := event([]byte(other)); ok {
			t.Errorf("event(%s) = true", other)
		}
	}
}
