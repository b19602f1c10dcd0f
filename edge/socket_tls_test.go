//go:build linux

package edge

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// These tests are of the socket alone, which nobody outside the package sees: how TLS goes over a transport
// that takes a few bytes at a time.

var testCertificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"x"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// secured is a TLS socket and its client, over a socket pair with small buffers.
type secured struct {
	socket *tlsSocket
	poller *poller
	client *tls.Conn
	below  net.Conn      // of the client
	keys   *bytes.Buffer // what TLS logs of the client's secrets
}

type failing interface{ Fatalf(string, ...any) }

func secure(t failing, version uint16) *secured {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatalf("socketpair: %v", err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<10)
		f := os.NewFile(uintptr(fd), "pair")
		ends[i], err = net.FileConn(f)
		_ = f.Close()
		if err != nil {
			t.Fatalf("socketpair: %v", err)
		}
	}
	s := &secured{below: ends[1], keys: &bytes.Buffer{}, poller: new(poller)}
	s.client = tls.Client(ends[1], &tls.Config{InsecureSkipVerify: true, KeyLogWriter: s.keys, MaxVersion: version})
	server := tls.Server(&carrier{Conn: ends[0]}, &tls.Config{
		Certificates: []tls.Certificate{testCertificate()}, SessionTicketsDisabled: true, DynamicRecordSizingDisabled: true,
		CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
	})
	done := make(chan error, 1)
	go func() { done <- s.client.Handshake() }()
	if err := errors.Join(server.Handshake(), <-done); err != nil {
		t.Fatalf("handshake: %v", err)
	}
	if s.socket = newTLSSocket(server, newBuffers(), s.poller); s.socket == nil {
		t.Fatalf("newTLSSocket() = nil, want a socket over the carrier")
	}
	return s
}

func (s *secured) close() {
	s.socket.close()
	s.socket.destroy() // unless the poller has
	_ = s.client.Close()
	s.poller.stop()
}

// TestTLSPartialWrites writes pieces of any sizes to a client that reads now and then, with and without
// waiting, and compares what arrives.
func TestTLSPartialWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := secure(t, rapid.SampledFrom([]uint16{tls.VersionTLS12, tls.VersionTLS13}).Draw(t, "version"))
		defer s.close()
		var sent, got []byte
		read := func(n int) {
			b := make([]byte, n)
			k, err := s.client.Read(b)
			if err != nil {
				t.Fatalf("Read() = %v", err)
			}
			got = append(got, b[:k]...)
		}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			var bufs [][]byte
			total := 0
			for _, size := range rapid.SliceOfN(rapid.OneOf(rapid.IntRange(1, 200), rapid.IntRange(1, 40_000)), 1, 5).Draw(t, "sizes") {
				b := make([]byte, size)
				for i := range b {
					b[i] = byte(mathrand.Uint32())
				}
				bufs, total = append(bufs, b), total+size
			}
			all := bytes.Join(bufs, nil)
			var n int
			var err error
			if rapid.Bool().Draw(t, "wait") {
				n, err = s.socket.write(bufs, time.Millisecond)
			} else {
				n, err = s.socket.try(bufs)
			}
			if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("wrote %d bytes: %v", n, err)
			}
			if n < total && !s.socket.unsent() {
				t.Fatalf("wrote %d bytes of %d, and nothing is unsent", n, total)
			}
			if kept := s.socket.carrier.kept; kept != nil && len(*kept) > maxRecord+300 {
				t.Fatalf("%d bytes are kept, want at most one record", len(*kept))
			}
			sent = append(sent, all[:n]...)
			for range rapid.IntRange(0, 3).Draw(t, "reads") {
				if len(got) < len(sent) && !s.socket.unsent() { // a whole record is there
					read(rapid.IntRange(1, 30_000).Draw(t, "read"))
				}
			}
		}
		// What is left goes out when the client reads.
		flushed := make(chan error, 1)
		go func() {
			var err error
			for s.socket.unsent() && err == nil {
				_, err = s.socket.write(nil, time.Minute)
			}
			s.socket.settled()
			s.socket.closeWrite()
			for s.socket.unsent() && err == nil {
				_, err = s.socket.write(nil, time.Minute)
			}
			flushed <- err
		}()
		rest, err := io.ReadAll(s.client)
		if err := errors.Join(err, <-flushed); err != nil {
			t.Fatalf("rest: %v", err)
		}
		if got = append(got, rest...); !bytes.Equal(got, sent) {
			t.Fatalf("the client got %d bytes, other than the %d that were sent", len(got), len(sent))
		}
	})
}

// TestTLSPartialReads sends records in bites, and compares what is read.
func TestTLSPartialReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := secure(t, tls.VersionTLS13)
		defer s.close()
		want := rapid.SliceOfN(rapid.Byte(), 1, 50_000).Draw(t, "sent")
		sizes := rapid.SliceOfN(rapid.IntRange(1, 20_000), 1, 5).Draw(t, "writes")
		go func() {
			for rest := want; len(rest) > 0; {
				n := min(sizes[len(rest)%len(sizes)], len(rest))
				if _, err := s.client.Write(rest[:n]); err != nil {
					return // which the reader sees
				}
				rest = rest[n:]
			}
			_ = s.client.CloseWrite()
		}()
		var got []byte
		ended := make(chan error)
		s.socket.begin(func(p []byte, broken error) bool {
			got = append(got, p...)
			if broken != nil {
				ended <- broken
			}
			return broken == nil
		})
		if err := <-ended; err != io.EOF {
			t.Fatalf("reading ended with %v after %d bytes", err, len(got))
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("read %d bytes, other than the %d that were sent", len(got), len(want))
		}
		if s.socket.carrier.in != nil {
			t.Fatalf("an idle socket keeps what was read into")
		}
	})
}

// TestTLSKeyUpdate has a client ask for new keys while the socket is full: the answer takes its place among
// what is sent, and nobody waits for it.
func TestTLSKeyUpdate(t *testing.T) {
	s := secure(t, tls.VersionTLS13)
	defer s.close()
	piece := [][]byte{bytes.Repeat([]byte("x"), 50_000)}
	sent, err := s.socket.try(piece)
	if err != nil || !s.socket.unsent() {
		t.Fatalf("try() = %d, %v, want a full socket", sent, err)
	}
	if _, err := s.below.Write(s.keyUpdate(t, 0)); err != nil {
		t.Fatal(err)
	}
	read := make(chan error, 1)
	before := len(*s.socket.carrier.kept)
	looked := make(chan bool, 100)
	s.socket.begin(func(_ []byte, broken error) bool {
		if broken != nil {
			read <- broken
			return false
		}
		looked <- true
		return true
	})
	<-looked // at what is unsent already
	<-looked // whoever reads is told that there is something to write
	// The client's goroutine reads all there is, and so makes room.
	const after = "under new keys"
	got := make(chan string, 1)
	answered := func() bool {
		s.socket.carrier.mu.Lock()
		defer s.socket.carrier.mu.Unlock()
		return len(*s.socket.carrier.kept) > before
	}
	if !answered() {
		t.Fatal("there is no answer of TLS behind what is unsent")
	}
	go func() {
		b := make([]byte, sent+len(after))
		n, err := io.ReadFull(s.client, b)
		if err != nil {
			got <- fmt.Sprintf("%v after %d bytes", err, n)
			return
		}
		got <- strings.TrimLeft(string(b), "x")
	}()
	for rest := [][]byte{[]byte(after)}; len(rest) > 0 || s.socket.unsent(); {
		n, err := s.socket.write(rest, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		rest = remaining(rest, n)
	}
	if text := <-got; text != after {
		t.Errorf("the client got %.100q last, want %q", text, after)
	}
	_ = s.below.Close()
	if err := <-read; err == nil {
		t.Error("reading a closed connection ended without an error")
	}
}

// TestTLSAnswersAreBounded has a client ask for new keys for ever and read nothing.
func TestTLSAnswersAreBounded(t *testing.T) {
	s := secure(t, tls.VersionTLS13)
	defer s.close()
	if _, err := s.socket.try([][]byte{bytes.Repeat([]byte("x"), 50_000)}); err != nil {
		t.Fatal(err)
	}
	c := s.socket.carrier
	answer := make([]byte, 27)
	for range 10_000 {
		if _, err := c.Write(answer); err != nil {
			if !errors.Is(err, errUnsent) || len(*c.kept) > maxUnsent {
				t.Fatalf("Write() = %v with %d bytes kept, want %v and %d at most", err, len(*c.kept), errUnsent, maxUnsent)
			}
			return
		}
	}
	t.Fatal("10,000 answers to a client that does not read were kept")
}

// keyUpdate returns the record with which the client asks for new keys, as record number seq that it sends after
// the handshake. Go's client cannot be made to.
func (s *secured) keyUpdate(t *testing.T, seq uint64) []byte {
	t.Helper()
	var secret []byte
	for line := range strings.Lines(s.keys.String()) {
		if f := strings.Fields(line); f[0] == "CLIENT_TRAFFIC_SECRET_0" {
			secret, _ = hex.DecodeString(f[2])
		}
	}
	suite := s.client.ConnectionState().CipherSuite
	if suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Skipf("%s, want AES-128-GCM", tls.CipherSuiteName(suite))
	}
	expand := func(label string, length int) []byte {
		info := binary.BigEndian.AppendUint16(nil, uint16(length))
		info = append(append(info, byte(len("tls13 "+label))), "tls13 "+label...)
		key, err := hkdf.Expand(sha256.New, secret, string(append(info, 0)), length)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	block, err := aes.NewCipher(expand("key", 16))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	nonce := expand("iv", 12)
	for i := range 8 {
		nonce[4+i] ^= byte(seq >> (56 - 8*i))
	}
	plain := []byte{24, 0, 0, 1, 1, 22} // key_update, update_requested; a handshake record
	head := []byte{23, 3, 3, 0, byte(len(plain) + gcm.Overhead())}
	return gcm.Seal(head, nonce, plain, head)
}
