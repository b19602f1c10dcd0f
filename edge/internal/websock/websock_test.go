package websock_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti/edge/internal/websock"
)

const maxMessage = 1000

// record notes what a decoder finds.
type record struct {
	found []string
	kept  int
	most  int // memory that may be reserved; 0: any
}

func (r *record) Frame(int) error        { return nil }
func (r *record) Message(p []byte) error { return r.note("message", p) }
func (r *record) Ping(p []byte) error    { return r.note("ping", p) }
func (r *record) Pong(p []byte) error    { return r.note("pong", p) }
func (r *record) Close(c int, s string) error {
	return r.note("close", fmt.Appendf(nil, "%d %s", c, s))
}

func (r *record) note(what string, p []byte) error {
	r.found = append(r.found, what+" "+string(p))
	return nil
}

func (r *record) Reserve(delta int) bool {
	r.kept += delta
	return delta < 0 || r.most == 0 || r.kept <= r.most
}

// frame returns a masked frame of a client.
func frame(first byte, payload string) []byte {
	return masked(ws.Header{Fin: first&0x80 != 0, Rsv: first >> 4 & 7, OpCode: ws.OpCode(first & 15)}, payload)
}

func masked(h ws.Header, payload string) []byte {
	h.Masked, h.Mask, h.Length = true, [4]byte{1, 2, 3, 4}, int64(len(payload))
	var b bytes.Buffer
	_ = ws.WriteHeader(&b, h)
	p := []byte(payload)
	ws.Cipher(p, h.Mask, 0)
	b.Write(p)
	return b.Bytes()
}

// decode feeds p in pieces of at most n bytes.
func decode(p []byte, n int) (*record, error) {
	r := &record{}
	d := websock.Decoder{MaxMessage: maxMessage}
	defer d.Release(r)
	for piece := range slices.Chunk(bytes.Clone(p), n) {
		if err := d.Feed(piece, r); err != nil {
			return r, err
		}
	}
	return r, nil
}

func TestDecoder(t *testing.T) {
	join := func(frames ...[]byte) []byte { return slices.Concat(frames...) }
	for _, c := range []struct {
		name string
		in   []byte
		want []string
		code int
	}{
		{"text", frame(0x81, "hi"), []string{"message hi"}, 0},
		{"empty text", frame(0x81, ""), []string{"message "}, 0},
		{"two byte length", frame(0x81, strings.Repeat("x", 126)), []string{"message " + strings.Repeat("x", 126)}, 0},
		{"largest", frame(0x81, strings.Repeat("x", maxMessage)), []string{"message " + strings.Repeat("x", maxMessage)}, 0},
		{"too large", frame(0x81, strings.Repeat("x", maxMessage+1)), nil, websock.CodeTooLarge},
		{"too large in fragments", join(frame(0x01, strings.Repeat("x", maxMessage)), frame(0x80, "x")), nil, websock.CodeTooLarge},
		{"100 MB announced", []byte{0x81, 0xff, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0}, nil, websock.CodeTooLarge},
		{"fragments", join(frame(0x01, "a"), frame(0x00, ""), frame(0x00, "b"), frame(0x80, "c")), []string{"message abc"}, 0},
		{"empty fragments", join(frame(0x01, ""), frame(0x80, "")), []string{"message "}, 0},
		{"control between fragments", join(frame(0x01, "a"), frame(0x89, "p"), frame(0x8a, "q"), frame(0x80, "b")), []string{"ping p", "pong q", "message ab"}, 0},
		{"rune cut by fragments", join(frame(0x01, "\xc3"), frame(0x80, "\xa9")), []string{"message é"}, 0},
		{"after a message", join(frame(0x81, "a"), frame(0x01, "b"), frame(0x80, "c"), frame(0x81, "d")), []string{"message a", "message bc", "message d"}, 0},
		{"invalid UTF-8", frame(0x81, "\xff"), nil, websock.CodeUTF8},
		{"invalid UTF-8 in fragments", join(frame(0x01, "\xc3"), frame(0x80, "x")), nil, websock.CodeUTF8},
		{"binary", frame(0x82, "x"), nil, websock.CodeBinary},
		{"not masked", []byte{0x81, 0x01, 'x'}, nil, websock.CodeProtocol},
		{"reserved bit", frame(0xc1, "x"), nil, websock.CodeProtocol},
		{"reserved opcode", frame(0x83, "x"), nil, websock.CodeProtocol},
		{"continuation of nothing", frame(0x80, "x"), nil, websock.CodeProtocol},
		{"message within a message", join(frame(0x01, "a"), frame(0x81, "b")), nil, websock.CodeProtocol},
		{"fragmented ping", frame(0x09, "x"), nil, websock.CodeProtocol},
		{"long ping", frame(0x89, strings.Repeat("x", 126)), nil, websock.CodeProtocol},
		{"length not in its shortest form", []byte{0x81, 0xfe, 0, 1, 0, 0, 0, 0, 'x'}, nil, websock.CodeProtocol},
		{"close", frame(0x88, "\x03\xe8bye"), []string{"close 1000 bye"}, 0},
		{"close without a code", frame(0x88, ""), []string{"close 0 "}, 0},
		{"close of one byte", frame(0x88, "x"), nil, websock.CodeProtocol},
		{"close with 1005", frame(0x88, "\x03\xed"), nil, websock.CodeProtocol},
		{"close with our own codes", frame(0x88, "\x0f\xa0"), []string{"close 4000 "}, 0},
		{"close reason not UTF-8", frame(0x88, "\x03\xe8\xff"), nil, websock.CodeUTF8},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, n := range []int{1, 2, 3, 7, len(c.in)} {
				got, err := decode(c.in, n)
				if d := cmp.Diff(c.want, got.found); d != "" {
					t.Errorf("in pieces of %d: %s", n, d)
				}
				var bad *websock.Error
				if errors.As(err, &bad); (err != nil) != (c.code != 0) || (bad != nil && bad.Code != c.code) {
					t.Errorf("in pieces of %d: error %v, want code %d", n, err, c.code)
				}
				if got.kept != 0 {
					t.Errorf("in pieces of %d: %d bytes stay reserved", n, got.kept)
				}
			}
		})
	}
}

// TestMemoryGrowsWithWhatComes wants a header's promise to cost nothing.
func TestMemoryGrowsWithWhatComes(t *testing.T) {
	r := &record{}
	d := websock.Decoder{MaxMessage: 1 << 20}
	in := masked(ws.Header{Fin: true, OpCode: ws.OpText}, strings.Repeat("x", 1<<20))
	if err := d.Feed(in[:100], r); err != nil {
		t.Fatal(err)
	}
	if r.kept > 1024 {
		t.Errorf("after 100 bytes of 1 MiB the decoder keeps %d bytes, want 1,024 at most", r.kept)
	}
	r.most = 64 << 10
	var bad *websock.Error
	if err := d.Feed(in[100:300<<10], r); !errors.As(err, &bad) || bad.Code != websock.CodeTooLarge {
		t.Errorf("Feed beyond what may be reserved = %v, want code %d", err, websock.CodeTooLarge)
	}
}

func TestServerFramesAreReadByOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{0, 1, 125, 126, 127, 65535, 65536, 70000}).Draw(t, "length")
		payload := bytes.Repeat([]byte("x"), n)
		b := append(websock.AppendHeader(nil, ws.OpText, n), payload...)
		if n < 126 {
			b = websock.AppendControl(b, ws.OpPing, payload)
		}
		r := bytes.NewReader(b)
		h, err := ws.ReadHeader(r)
		if err != nil || !h.Fin || h.OpCode != ws.OpText || h.Length != int64(n) || h.Masked {
			t.Fatalf("ReadHeader = %+v, %v", h, err)
		}
		got := make([]byte, n)
		if _, err := r.Read(got); n > 0 && (err != nil || !bytes.Equal(got, payload)) {
			t.Fatalf("payload of %d bytes differs: %v", n, err)
		}
		if n < 126 {
			if h, err := ws.ReadHeader(r); err != nil || h.OpCode != ws.OpPing || h.Length != int64(n) {
				t.Fatalf("ping = %+v, %v", h, err)
			}
		}
	})
}

func TestCloseReasonIsCut(t *testing.T) {
	b := websock.AppendClose(nil, 4400, strings.Repeat("é", 100))
	h, err := ws.ReadHeader(bytes.NewReader(b))
	if err != nil || h.OpCode != ws.OpClose || h.Length > 125 {
		t.Fatalf("header = %+v, %v, want a close frame of 125 bytes at most", h, err)
	}
	code, reason := ws.ParseCloseFrameData(b[2:])
	if code != 4400 || reason != strings.Repeat("é", 61) {
		t.Errorf("close frame = %d %q, want 4400 and whole characters", code, reason)
	}
}

func TestHandshake(t *testing.T) {
	// The key and the answer are those of RFC 6455, section 1.3.
	got := string(websock.AppendAccept(nil, "dGhlIHNhbXBsZSBub25jZQ==", "tutti.v1"))
	if !strings.Contains(got, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") || !strings.HasSuffix(got, "\r\n\r\n") {
		t.Errorf("AppendAccept = %q", got)
	}
	r := &http.Request{Method: http.MethodGet, Header: http.Header{
		"Connection": {"keep-alive, Upgrade"}, "Upgrade": {"WebSocket"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}}
	if !websock.Wanted(r) || !websock.ValidKey(r) {
		t.Error("a browser's handshake is not recognized")
	}
	r.Header.Set("Sec-WebSocket-Key", "short")
	r.Header.Set("Connection", "close")
	if websock.Wanted(r) || websock.ValidKey(r) {
		t.Error("what is no handshake is taken for one")
	}
}

// FuzzDecoder wants the same outcome however the bytes are cut.
func FuzzDecoder(f *testing.F) {
	f.Add(frame(0x81, "hi"), 1)
	f.Add(slices.Concat(frame(0x01, "a"), frame(0x89, "p"), frame(0x80, "b")), 3)
	f.Add(frame(0x88, "\x03\xe8bye"), 2)
	f.Add([]byte{0x81, 0xff, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0}, 5)
	f.Fuzz(func(t *testing.T, p []byte, n int) {
		if len(p) == 0 {
			return
		}
		whole, err1 := decode(p, len(p))
		cut, err2 := decode(p, max(1, n%(len(p)+1)))
		if d := cmp.Diff(whole.found, cut.found); d != "" {
			t.Error(d)
		}
		if fmt.Sprint(err1) != fmt.Sprint(err2) {
			t.Errorf("errors differ: %v, %v", err1, err2)
		}
		if whole.kept != 0 || cut.kept != 0 {
			t.Errorf("%d and %d bytes stay reserved", whole.kept, cut.kept)
		}
	})
}

func BenchmarkFeed(b *testing.B) {
	in := frame(0x81, strings.Repeat("x", 100))
	d := websock.Decoder{MaxMessage: maxMessage}
	r := &discard{}
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Feed(in, r); err != nil {
			b.Fatal(err)
		}
	}
}

type discard struct{ record }

func (*discard) Message([]byte) error { return nil }
