package edge_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/wire"
)

// TestUnfinishedMessagesAreBounded has clients that begin large messages and never end them.
func TestUnfinishedMessagesAreBounded(t *testing.T) {
	sockets(t, edge.Memory{Unfinished: 1 << 20}, func(t *testing.T, p *platform, open func(int, string) *fakeClient) {
		var clients []*fakeClient
		begun := append(header(0x81, 1<<20), make([]byte, 300<<10)...)
		for i := range 10 {
			c := open(i, "&watch=0")
			c.socket.Allow(unlimited)
			c.socket.Send(bytes.Clone(begun))
			synctest.Wait()
			clients = append(clients, c)
		}
		if held := p.edge.Stats().Unfinished; held > 1<<20 || held < 512<<10 {
			t.Errorf("%d bytes of unfinished messages are held, want about 1 MiB at most", held)
		}
		ended := 0
		for _, c := range clients {
			if c.frames(t); c.ended == "4413" {
				ended++
			}
		}
		if ended == 0 || ended == len(clients) {
			t.Errorf("%d of %d links ended with 4413, want those beyond the bound", ended, len(clients))
		}
		small := open(99, "&watch=0")
		small.socket.Allow(unlimited)
		small.socket.Send(text(`{"type":"query","id":1,"name":"get"}`))
		synctest.Wait()
		if got := small.frames(t); len(got) != 2 {
			t.Errorf("another client got %q, want a welcome and an answer", got)
		}
		for _, c := range clients {
			c.socket.Hangup()
		}
		synctest.Wait()
		if held := p.edge.Stats().Unfinished; held != 0 {
			t.Errorf("%d bytes are still counted after the links have gone, want none", held)
		}
	})
}

// TestBeforeRun refuses clients of a node whose edge does not run yet, after a moment.
func TestBeforeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := localbus.New()
		newOwner(t, b)
		e, err := edge.New(edge.Config{Bus: b, Verifier: tokens{}, Categories: []edge.Category{{Name: "room"}}})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		start := time.Now()
		e.ServeHTTP(w, handshake(t, "http://x/v1/room/1?conn=0123456789abcdef", nil))
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || time.Since(start) != time.Second {
			t.Errorf("status = %d after %v, want 503 with Retry-After after 1 s", w.Code, time.Since(start))
		}
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		cancel()
		if err := e.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Run = %v, want %v", err, context.Canceled)
		}
		if err := e.Run(ctx); err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("second Run = %v, want a refusal", err)
		}
	})
}

// TestConnectionCannotBeTakenOver has a server that does not let go of its connections, as with
// HTTP/2: the entity learns that the link is gone.
func TestConnectionCannotBeTakenOver(t *testing.T) {
	p := start(t, nil)
	w := httptest.NewRecorder()
	p.edge.ServeHTTP(w, handshake(t, "http://x/v1/room/1?conn=0123456789abcdef", nil))
	if w.Code != http.StatusHTTPVersionNotSupported {
		t.Errorf("status = %d, want %d", w.Code, http.StatusHTTPVersionNotSupported)
	}
	waitFor(t, func() bool { return len(p.owner.received(wire.KindDetach)) == 1 })
	if s := p.edge.Stats(); s.Links != 0 || s.Entities != 0 {
		t.Errorf("Stats() = %+v, want no link", s)
	}
}

// TestLogsNameMembers looks for secrets in the log of a link's whole life.
func TestLogsNameMembers(t *testing.T) {
	var log syncBuffer
	p := start(t, func(c *edge.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	c := p.dial(t, "1", 1, "&cursor=e1:0", "ann;secretaudience")
	c.want(`"welcome"`)
	c.send(`{"type":"dance"}`)
	c.ended()
	if _, _, err := p.tryDial(t, "1", conn(1), "", "bad;verysecret"); err == nil {
		t.Fatal("a bad token was accepted")
	}
	p.stop()
	got := log.String()
	if !strings.Contains(got, "member=m-00000001") || !strings.Contains(got, "why=bad_frame") {
		t.Errorf("log = %s, want the member and why its link ended", got)
	}
	for _, secret := range []string{conn(1), "secret", "cursor="} {
		if strings.Contains(got, secret) {
			t.Errorf("log = %s, which holds %q", got, secret)
		}
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// FuzzRequest wants a path and a query of any shape to be refused or to name an entity.
func FuzzRequest(f *testing.F) {
	e, err := edge.New(edge.Config{Bus: localbus.New(), Verifier: tokens{}, Categories: []edge.Category{{Name: "room"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("/v1/room/1", "conn=0123456789abcdef&cursor=e1:7", "https://x")
	f.Add("/v1/room/%2e%2e", "conn=0123456789abcdef&watch=0&presence=1", "null")
	f.Add("/v1/room/%ff", "%", "://")
	f.Fuzz(func(t *testing.T, path, query, origin string) {
		r := handshake(t, "http://x/", func(r *http.Request) { r.Header.Set("Origin", origin) })
		u, err := url.Parse(path)
		if err != nil {
			return
		}
		r.URL = u
		r.URL.RawQuery = query
		id, conn, status := e.Parse(r)
		if status == 0 && (!wire.ValidID(id) || !wire.ValidConn(conn)) {
			t.Errorf("%q ? %q is accepted as id %q, conn %q", path, query, id, conn)
		}
		if status != 0 && (status < 400 || status > 426) {
			t.Errorf("%q ? %q is refused with %d", path, query, status)
		}
	})
}
