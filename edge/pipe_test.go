package edge_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/edge"
)

// pipes is a listener whose connections are net.Pipe, so that a whole edge lives in a bubble.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	close func()
}

func newPipes() *pipes {
	done := make(chan struct{})
	return &pipes{conns: make(chan net.Conn), done: done, close: sync.OnceFunc(func() { close(done) })}
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error   { l.close(); return nil }
func (l *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// bubble runs a test of an edge under a clock of its own. dial opens a WebSocket over a pipe.
func bubble(t *testing.T, change func(*edge.Config), test func(t *testing.T, p *platform, dial func(i int, query, token string) *pipeClient)) {
	synctest.Test(t, func(t *testing.T) {
		b := localbus.New()
		c := edge.Config{Bus: b, Verifier: tokens{}, Categories: []edge.Category{{Name: "room"}}, Partitions: partitions, Workers: 2}
		if change != nil {
			change(&c)
		}
		e, err := edge.New(c)
		if err != nil {
			t.Fatal(err)
		}
		p := &platform{edge: e, owner: newOwner(t, b), pipes: newPipes()}
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		p.stop = sync.OnceFunc(func() { cancel(); <-done })
		l, s := p.pipes, &http.Server{
			Handler: e, ReadHeaderTimeout: time.Minute, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second,
		}
		served := make(chan struct{})
		go func() { defer close(served); _ = s.Serve(l) }()
		t.Cleanup(func() { p.stop(); _ = s.Close(); <-served })
		test(t, p, func(i int, query, token string) *pipeClient { return dialPipe(t, l, i, query, token) })
	})
}

// pipe opens a connection in a bubble and sends the request.
func (p *platform) pipe(t *testing.T, request string) (*bufio.Reader, net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	p.pipes.conns <- far
	t.Cleanup(func() { _ = near.Close() })
	if _, err := near.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	return bufio.NewReader(near), near
}

// pipeGet sends a GET of the room over a connection of its own in a bubble, and returns the answer.
func (p *platform) pipeGet(t *testing.T, query, token, header string) *http.Response {
	t.Helper()
	r, c := p.pipe(t, "GET /v1/room/1?"+query+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+token+"\r\n"+header+"\r\n\r\n")
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp
}

// pipeClient reads all that comes and notes when.
type pipeClient struct {
	t    *testing.T
	conn net.Conn

	mu    sync.Mutex
	texts []string
	pings []time.Duration // since the dial
	code  int
	ended time.Duration // 0: not yet
	deaf  bool          // pings are not answered
	lag   time.Duration // before each frame is read, and before each pong

	polite bool // a close frame is answered
}

func dialPipe(t *testing.T, l *pipes, i int, query, token string) *pipeClient {
	t.Helper()
	near, far := net.Pipe()
	l.conns <- far
	r := &raw{t: t, conn: near}
	c := &pipeClient{t: t, conn: near}
	request := "GET /v1/room/1?conn=" + conn(i) + query + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n" +
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"Sec-WebSocket-Protocol: tutti.v1\r\nAuthorization: Bearer " + token + "\r\n\r\n"
	r.write([]byte(request))
	start := time.Now()
	read := make(chan struct{})
	go func() { defer close(read); c.read(start) }()
	t.Cleanup(func() { _ = near.Close(); <-read })
	return c
}

func (c *pipeClient) read(start time.Time) {
	var b [1]byte
	for head := ""; !strings.HasSuffix(head, "\r\n\r\n"); head += string(b[:]) {
		if _, err := c.conn.Read(b[:]); err != nil {
			return
		}
	}
	for {
		c.mu.Lock()
		lag := c.lag
		c.mu.Unlock()
		time.Sleep(lag)
		h, err := ws.ReadHeader(c.conn)
		p := make([]byte, h.Length)
		if err == nil {
			_, err = io.ReadFull(c.conn, p)
		}
		c.mu.Lock()
		deaf := c.deaf
		switch {
		case err != nil:
			c.ended = time.Since(start)
			c.mu.Unlock()
			return
		case h.OpCode == ws.OpText:
			c.texts = append(c.texts, string(p))
		case h.OpCode == ws.OpPing:
			c.pings = append(c.pings, time.Since(start))
		case h.OpCode == ws.OpClose:
			c.code = int(binary.BigEndian.Uint16(p))
		}
		polite := c.polite
		c.mu.Unlock()
		if h.OpCode == ws.OpClose && polite {
			_, _ = c.conn.Write(masked(ws.OpClose, true, string(p)))
		}
		if h.OpCode == ws.OpPing && !deaf {
			time.Sleep(lag)
			_, _ = c.conn.Write(masked(ws.OpPong, true, ""))
		}
	}
}

func (c *pipeClient) last() (text string, code int, ended time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.texts) > 0 {
		text = c.texts[len(c.texts)-1]
	}
	return text, c.code, c.ended
}

func (c *pipeClient) wantEnd(text string, code int, from, to time.Duration) {
	c.t.Helper()
	last, got, ended := c.last()
	if !strings.Contains(last, text) || got != code || ended < from || ended > to {
		c.t.Fatalf("ended after %v with %s, code %d, want between %v and %v, %s and %d", ended, last, got, from, to, text, code)
	}
}

type dialer = func(i int, query, token string) *pipeClient
