package continuity_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tutti-rt/tutti/bench/continuity"
	"github.com/tutti-rt/tutti/internal/relay"
)

// through returns what a lie makes of a stream that comes in pieces.
func through(t *testing.T, lie, stream string, piece int) string {
	t.Helper()
	alter, err := continuity.Lie(lie)
	if err != nil {
		t.Fatal(err)
	}
	var c relay.Conn
	var out bytes.Buffer
	for len(stream) > 0 {
		n := min(piece, len(stream))
		out.Write(alter(&c, true, []byte(stream[:n])))
		stream = stream[n:]
	}
	return out.String()
}

func TestLies(t *testing.T) {
	event := func(rev string) string { return `{"type":"event","rev":` + rev + `,"name":"added","data":{"by":1}}` }
	var events, message strings.Builder
	events.WriteString("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 5\n\n")
	for i := range 10 {
		rev := string(rune('0' + i))
		events.WriteString("data: " + event(rev) + "\nid: e:" + rev + "\n\n:\n\n")
		message.WriteString(event(rev) + "\n")
	}
	socket := "HTTP/1.1 101 Switching Protocols\r\n\r\n\x89\x00\x81\x7e" + string([]byte{byte(message.Len() >> 8), byte(message.Len())}) + message.String()
	for _, stream := range []string{events.String(), socket} {
		for _, piece := range []int{1, 7, 10_000} {
			for lie, want := range map[string]int{"event-lost": 0, "event-twice": 2, "event-other": 1, "ack-lost": 1} {
				got := through(t, lie, stream, piece)
				if n := strings.Count(got, `"rev":7,`); n != want {
					t.Errorf("%s, in pieces of %d: the eighth event comes %d times, want %d: %q", lie, piece, n, want, got)
				}
				if n := strings.Count(got, `"rev":6,`); n != 1 {
					t.Errorf("%s, in pieces of %d: the seventh event comes %d times: %q", lie, piece, n, got)
				}
				if altered := strings.Count(got, `"lie":1`); altered != strings.Count(lie, "event-other") {
					t.Errorf("%s, in pieces of %d: %d events are altered", lie, piece, altered)
				}
			}
		}
	}
	if _, err := continuity.Lie("none"); err == nil {
		t.Error("Lie of no such name succeeded")
	}
}
