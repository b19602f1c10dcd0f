package edge_test

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// raw is a client that may break every rule.
type raw struct {
	t    testing.TB
	tcp  *net.TCPConn
	conn net.Conn // over tcp
	r    *bufio.Reader
}

func (p *platform) raw(t testing.TB, i int, query string, early ...byte) *raw {
	t.Helper()
	r := p.rawRequest(t, "")
	r.handshake(i, query, early...)
	return r
}

// rawRequest opens a connection and sends that over it.
func (p *platform) rawRequest(t testing.TB, request string) *raw {
	t.Helper()
	scheme, address, _ := strings.Cut(p.url, "://")
	tcp, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tcp.Close() })
	r := &raw{t: t, tcp: tcp.(*net.TCPConn), conn: tcp}
	if scheme == "https" {
		c := p.http.Transport.(*http.Transport).TLSClientConfig.Clone()
		c.ServerName = "example.com" // as the test server's certificate says
		r.conn = tls.Client(tcp, c)
	}
	r.r = bufio.NewReader(r.conn)
	r.write([]byte(request))
	return r
}

func (r *raw) handshake(i int, query string, early ...byte) {
	r.t.Helper()
	r.write(append([]byte("GET /v1/room/1?conn="+conn(i)+query+" HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"+
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+
		"Sec-WebSocket-Protocol: tutti.v1\r\nAuthorization: Bearer ann\r\n\r\n"), early...))
	resp, err := http.ReadResponse(r.r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		r.t.Fatalf("handshake: %v, %v", resp, err)
	}
}

func (r *raw) write(p []byte) {
	r.t.Helper()
	if _, err := r.conn.Write(p); err != nil {
		r.t.Fatalf("write: %v", err)
	}
}

// next returns the next frame.
func (r *raw) next() (ws.OpCode, string, error) {
	_ = r.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	h, err := ws.ReadHeader(r.r)
	if err != nil {
		return 0, "", err
	}
	p := make([]byte, h.Length)
	_, err = io.ReadFull(r.r, p)
	return h.OpCode, string(p), err
}

// end reads until the server has closed, and returns the last text, the close code, and what was read
// of other frames.
func (r *raw) end() (last string, code int) {
	r.t.Helper()
	for {
		op, p, err := r.next()
		switch {
		case errors.Is(err, io.EOF):
			return last, code
		case err != nil:
			r.t.Fatalf("read: %v (after %.200s)", err, last)
		case op == ws.OpClose:
			code = int(binary.BigEndian.Uint16([]byte(p)))
		case op == ws.OpText:
			last = p
		}
	}
}

func (r *raw) wantText(part string) {
	r.t.Helper()
	for {
		op, p, err := r.next()
		if err != nil {
			r.t.Fatalf("read: %v, want %s", err, part)
		}
		if op == ws.OpText {
			if !strings.Contains(p, part) {
				r.t.Fatalf("got %.200s, want %s", p, part)
			}
			return
		}
	}
}

// header returns a masked frame's header.
func header(first byte, length int) []byte {
	b := []byte{first, 0xff}
	return append(binary.BigEndian.AppendUint64(b, uint64(length)), 1, 2, 3, 4)
}

func masked(op ws.OpCode, fin bool, payload string) []byte {
	f := ws.MaskFrameInPlace(ws.NewFrame(op, fin, []byte(payload)))
	b, err := ws.CompileFrame(f)
	if err != nil {
		panic(err)
	}
	return b
}

// TestBadInput closes the one connection that sends it, with the code that the protocol names, and
// leaves the others alone.
func TestBadInput(t *testing.T) { both(t, testBadInput) }

func testBadInput(t *testing.T, start starter) {
	p := start(t, nil)
	other := p.dial(t, "1", 0, "", "bob")
	other.want(`"welcome"`)
	deep := strings.Repeat("[", 100_000)
	for i, c := range []struct {
		name string
		in   []byte
		code int
		text string
	}{
		{"binary", masked(ws.OpBinary, true, "x"), 1003, "bad_frame"},
		{"invalid UTF-8", masked(ws.OpText, true, "\xff\xfe"), 1007, "bad_frame"},
		{"not masked", []byte{0x81, 1, 'x'}, 1002, "bad_frame"},
		{"continuation of nothing", masked(ws.OpContinuation, true, ""), 1002, "bad_frame"},
		{"random bytes", []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello"), 1002, "bad_frame"},
		{"100 MB frame", header(0x81, 100<<20), 4413, "frame_too_large"},
		{"frame of 2^63-1 bytes", header(0x81, 1<<63-1), 4413, "frame_too_large"},
		{"100 MB in fragments", append(masked(ws.OpText, false, "x"), header(0x80, 100<<20)...), 4413, "frame_too_large"},
		{"no JSON", masked(ws.OpText, true, "hello"), 4400, "bad_frame"},
		{"empty message", masked(ws.OpText, true, ""), 4400, "bad_frame"},
		{"no object", masked(ws.OpText, true, `[1]`), 4400, "bad_frame"},
		{"no type", masked(ws.OpText, true, `{}`), 4400, "bad_frame"},
		{"unknown type", masked(ws.OpText, true, `{"type":"dance"}`), 4400, "bad_frame"},
		{"type of a server's frame", masked(ws.OpText, true, `{"type":"event","rev":1}`), 4400, "bad_frame"},
		{"command without an id", masked(ws.OpText, true, `{"type":"command","name":"say"}`), 4400, "bad_frame"},
		{"negative id", masked(ws.OpText, true, `{"type":"command","id":-1,"name":"say"}`), 4400, "bad_frame"},
		{"huge id", masked(ws.OpText, true, `{"type":"command","id":1e300,"name":"say"}`), 4400, "bad_frame"},
		{"name is no text", masked(ws.OpText, true, `{"type":"command","id":1,"name":7}`), 4400, "bad_frame"},
		{"deep nesting", masked(ws.OpText, true, `{"type":"command","id":1,"name":"say","data":`+deep+`}`), 4400, "bad_frame"},
		{"second line is bad", masked(ws.OpText, true, `{"type":"ping","t":1}`+"\n{"), 4400, "bad_frame"},
		{"half a line", masked(ws.OpText, true, "{\"type\":\"ping\",\n\"t\":1}"), 4400, "bad_frame"},
		{"large presence", masked(ws.OpText, true, `{"type":"presence","data":"`+strings.Repeat("x", 4096)+`"}`), 4413, "frame_too_large"},
		{"another subject's token", masked(ws.OpText, true, `{"type":"auth","token":"eve"}`), 4403, "refused"},
		{"bad token", masked(ws.OpText, true, `{"type":"auth","token":"bad"}`), 4401, "token"},
		{"normal close", masked(ws.OpClose, true, "\x03\xe8bye"), 1000, ""},
		{"close code of nobody", masked(ws.OpClose, true, "\x03\xed"), 1002, "bad_frame"},
		{"leave", masked(ws.OpText, true, `{"type":"leave"}`), 1000, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := p.raw(t, i+1, "")
			if c.text == "" { // the client has what it came for
				r.wantText(`"welcome"`)
			}
			r.write(c.in)
			if c.name == "100 MB frame" { // and the client goes on sending
				go func() { _, _ = r.conn.Write(make([]byte, 100<<20)) }()
			}
			last, code := r.end()
			if code != c.code || c.text != "" && !strings.Contains(last, `"`+c.text+`"`) {
				t.Errorf("ended with %.300s, code %d, want %s and %d", last, code, c.text, c.code)
			}
		})
	}
	other.send(`{"type":"command","id":1,"name":"say","data":1}`)
	other.want(`"event"`, `"ack"`)
}

// TestPieces sends frames byte by byte, in fragments with control frames between, and right behind
// the request for the upgrade.
func TestPieces(t *testing.T) { both(t, testPieces) }

func testPieces(t *testing.T, start starter) {
	p := start(t, nil)
	first := masked(ws.OpText, true, `{"type":"query","id":1,"name":"get","data":1}`)
	r := p.raw(t, 1, "&watch=0", first[:9]...)
	for _, b := range first[9:] {
		r.write([]byte{b})
	}
	r.wantText(`"welcome"`)
	r.wantText(`{"type":"answer","id":1,`)
	r.write(masked(ws.OpText, false, `{"type":"query","id":2,`))
	r.write(masked(ws.OpPing, true, "hello"))
	if op, got, err := r.next(); op != ws.OpPong || got != "hello" || err != nil {
		t.Fatalf("after a ping: %v %q, %v, want a pong", op, got, err)
	}
	r.write(masked(ws.OpContinuation, false, `"name":"get","da`))
	r.write(masked(ws.OpContinuation, true, "ta\":[ 1 ]}\n\n"+`{"type":"query","id":3,"name":"é","data":{}}`))
	r.wantText(`{"type":"answer","id":2,"rev":0,"data":[1]}`)
	r.wantText(`{"type":"answer","id":3,`)
	// A client that stops in the middle of a frame and goes away harms nobody.
	r.write(masked(ws.OpText, true, strings.Repeat("x", 5000))[:2500])
	_ = r.conn.Close()
}

// TestPingFlood gets the last of many pings answered, and grows nothing.
func TestPingFlood(t *testing.T) { both(t, testPingFlood) }

func testPingFlood(t *testing.T, start starter) {
	p := start(t, nil)
	r := p.raw(t, 1, "")
	var flood []byte
	for i := range 10_000 {
		flood = append(flood, masked(ws.OpPing, true, fmt.Sprint(i))...)
	}
	r.write(flood)
	for {
		op, got, err := r.next()
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		if op == ws.OpPong && got == "9999" {
			return
		}
	}
}
