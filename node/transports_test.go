package node_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/tutti-rt/tutti/wire"
)

// follower is one link of a connection, read frame by frame.
type follower interface {
	// next returns the next frame; io.EOF after the last.
	next() (string, error)
	cut()
}

// transports open a link to an entity over each transport. Every link begins with a welcome.
var transports = map[string]func(ctx context.Context, base, path, query, token string) (follower, error){
	"websocket": followSocket, "sse": followStream, "poll": followPolls,
}

type socketLink struct {
	ctx context.Context
	ws  *websocket.Conn
}

func followSocket(ctx context.Context, base, path, query, token string) (follower, error) {
	ws, _, err := websocket.Dial(ctx, base+path+query, &websocket.DialOptions{
		Subprotocols: []string{wire.Subprotocol}, HTTPHeader: http.Header{"Authorization": {"Bearer " + token}},
	})
	return &socketLink{ctx, ws}, err
}

func (l *socketLink) next() (string, error) {
	_, b, err := l.ws.Read(l.ctx)
	if websocket.CloseStatus(err) >= 4000 {
		err = io.EOF
	}
	return string(b), err
}

func (l *socketLink) cut() { _ = l.ws.CloseNow() }

// ask sends a GET and returns the answer where it has a status of 2xx.
func ask(ctx context.Context, url, token string, header ...string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err == nil && resp.StatusCode >= 300 {
		resp.Body.Close()
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	return resp, err
}

type streamLink struct {
	body io.ReadCloser
	r    *bufio.Reader
}

func followStream(ctx context.Context, base, path, query, token string) (follower, error) {
	query, cursor, _ := strings.Cut(query, "&cursor=")
	resp, err := ask(ctx, base+path+query, token, "Accept", "text/event-stream", "Last-Event-ID", cursor)
	if err != nil {
		return nil, err
	}
	return &streamLink{resp.Body, bufio.NewReader(resp.Body)}, nil
}

func (l *streamLink) next() (string, error) {
	for {
		line, err := l.r.ReadString('\n')
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			return strings.TrimSuffix(data, "\n"), err
		}
		if err != nil {
			return "", err
		}
	}
}

func (l *streamLink) cut() { _ = l.body.Close() }

type pollLink struct {
	ctx        context.Context
	cancel     context.CancelFunc
	url, token string
	cursor     string // to come back with; in the first query there may be one already
	frames     []json.RawMessage
	ended      bool
}

func followPolls(ctx context.Context, base, path, query, token string) (follower, error) {
	ctx, cancel := context.WithCancel(ctx)
	l := &pollLink{ctx: ctx, cancel: cancel, token: token}
	l.url = base + path + query + "&welcome=1"
	err := l.poll()
	before, _, _ := strings.Cut(base+path+query, "&cursor=")
	l.url = before
	return l, err
}

func (l *pollLink) poll() error {
	url := l.url
	if l.cursor != "" {
		url += "&cursor=" + l.cursor
	}
	resp, err := ask(l.ctx, url, l.token, "Accept", "application/json", "Prefer", "wait=20")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	l.cursor = resp.Header.Get("Tutti-Cursor")
	if resp.StatusCode == http.StatusNoContent {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(&l.frames)
}

func (l *pollLink) next() (string, error) {
	for len(l.frames) == 0 {
		if l.ended {
			return "", io.EOF
		}
		if err := l.poll(); err != nil {
			return "", err
		}
	}
	f := string(l.frames[0])
	l.frames = l.frames[1:]
	l.ended = strings.Contains(f, `"type":"terminate"`)
	return f, nil
}

func (l *pollLink) cut() { l.cancel() }

// follow opens a link of the connection to tally/{id} and returns its welcome.
func follow(t *testing.T, n *running, transport, id, conn, cursor string) (follower, wire.ServerFrame) {
	t.Helper()
	query := "?conn=" + conn
	if cursor != "" {
		query += "&cursor=" + cursor
	}
	l, err := transports[transport](t.Context(), "http://"+n.Addr().String(), "/v1/tally/"+id, query, token(t, "ann", time.Hour))
	if err != nil {
		t.Fatalf("%s: %v", transport, err)
	}
	t.Cleanup(l.cut)
	welcome := want(t, l, "welcome")
	return l, welcome
}

// want returns the next frame, which has to be of the type.
func want(t *testing.T, l follower, typ string) wire.ServerFrame {
	t.Helper()
	line, err := l.next()
	if err != nil {
		t.Fatalf("%v, want a frame of type %s", err, typ)
	}
	f, err := wire.DecodeServerFrame([]byte(line))
	if err != nil || f.Type != typ {
		t.Fatalf("next frame %.300s, %v, want one of type %s", line, err, typ)
	}
	return f
}

func cursorOf(epoch string, rev uint64) string {
	return wire.Cursor{Epoch: epoch, Revision: rev}.String()
}

// Every transport keeps the promises of the protocol, and a client may change from each to each between two links.
func TestTransports(t *testing.T) {
	n := start(t, config())
	feeder := mustOpen(t, n)
	other, elsewhere := follow(t, n, "websocket", "b", "connection-elsewhere", "")
	defer other.cut()
	sum(t, feeder, 1)
	for name := range transports {
		t.Run(name, func(t *testing.T) {
			conn := "connection-of-" + name
			l, welcome := follow(t, n, name, "a", conn, "")
			if welcome.Resumed || len(welcome.Data) == 0 {
				t.Fatalf("the first welcome has state %s, resumed %t, want a state", welcome.Data, welcome.Resumed)
			}
			rev := welcome.Revision
			for range 5 {
				sum(t, feeder, 1)
				if f := want(t, l, "event"); f.Revision != rev+1 {
					t.Fatalf("event %d after revision %d", f.Revision, rev)
				}
				rev++
			}
			for next := range transports {
				l.cut()
				sum(t, feeder, 1)
				sum(t, feeder, 1)
				var again wire.ServerFrame
				if l, again = follow(t, n, next, "a", conn, cursorOf(welcome.Epoch, rev)); !again.Resumed || !again.Known || again.Revision != rev || again.Member != welcome.Member {
					t.Fatalf("over %s: the welcome is %+v, want the connection resumed at %d", next, again, rev)
				}
				for range 2 {
					if f := want(t, l, "event"); f.Revision != rev+1 {
						t.Fatalf("over %s: event %d after revision %d", next, f.Revision, rev)
					}
					rev++
				}
			}
			for what, cursor := range map[string]string{
				"from the future": cursorOf(welcome.Epoch, rev+1), "of no epoch": "-:0",
				"of another entity": cursorOf(elsewhere.Epoch, elsewhere.Revision),
			} {
				l.cut()
				var again wire.ServerFrame
				if l, again = follow(t, n, name, "a", conn, cursor); again.Resumed || len(again.Data) == 0 || again.Revision != rev {
					t.Errorf("a cursor %s gets %+v, want a fresh state", what, again)
				}
			}
			l.cut()
		})
	}
	ends := make(map[string]follower)
	for name := range transports {
		ends[name], _ = follow(t, n, name, "a", "connection-of-"+name, "")
	}
	stopped := make(chan error, 1)
	go func() { stopped <- n.stop() }()
	for name, l := range ends {
		if poll, ok := l.(*pollLink); ok && poll.poll() != nil {
			continue // nothing waited for it; one that was there when the node was told to end is told so, like the others
		}
		if f := want(t, l, "terminate"); f.Code != wire.EndDraining || !f.Reconnect {
			t.Errorf("%s: the end is %+v, want draining", name, f)
		}
		if _, err := l.next(); err != io.EOF {
			t.Errorf("%s: after the end: %v, want nothing", name, err)
		}
	}
	if err := <-stopped; err != nil {
		t.Errorf("Run = %v", err)
	}
}

// A client whose links are cut at random, and which comes back over any transport, gets every event once and in order.
func TestCutsLoseNothing(t *testing.T) {
	n := start(t, config())
	feeder := mustOpen(t, n)
	const events = 400
	go func() {
		for range events {
			_, _ = feeder.Send(t.Context(), "add", add{By: 1}) // missing ones the follower misses, too
		}
	}()
	names := []string{"websocket", "sse", "poll"}
	rnd := rand.New(rand.NewPCG(1, 2))
	cursor, rev, links := "-:0", uint64(0), 0
	for rev < events {
		l, welcome := follow(t, n, names[rnd.IntN(len(names))], "a", "connection-that-is-cut", cursor)
		if rev > 0 && !welcome.Resumed || welcome.Revision < rev {
			t.Fatalf("link %d: welcome at %d after %d, resumed %t", links, welcome.Revision, rev, welcome.Resumed)
		}
		rev = welcome.Revision
		for range rnd.IntN(20) {
			if rev == events {
				break
			}
			if f := want(t, l, "event"); f.Revision != rev+1 {
				t.Fatalf("link %d: event %d after %d", links, f.Revision, rev)
			}
			rev++
		}
		l.cut()
		cursor = cursorOf(welcome.Epoch, rev)
		links++
	}
	if links < 10 {
		t.Errorf("%d links, want many", links)
	}
}
