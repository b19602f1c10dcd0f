package node_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/wire"
)

// Over a stream that carries nothing up, a posted command is acknowledged after the events it caused.
func TestAcksOfPostsComeAfterTheirEvents(t *testing.T) {
	n := start(t, config())
	for name := range transports {
		t.Run(name, func(t *testing.T) {
			conn := "connection-of-" + name
			l, welcome := follow(t, n, name, name, conn, "")
			rev := welcome.Revision
			for id := uint64(1); id <= 40; id++ {
				got := n.post(t, "tally/"+name, "ann", conn, fmt.Sprintf(`{"type":"command","id":%d,"name":"add","data":{"By":1}}`, id))
				if want := fmt.Sprintf(`{"type":"ack","id":%d,"rev":%d`, id, rev+1); got.status != http.StatusOK || !strings.HasPrefix(got.body, want) {
					t.Fatalf("the post was answered %d %s, want %s", got.status, got.body, want)
				}
				if f := want(t, l, "event"); f.Revision != rev+1 || f.By != welcome.Member {
					t.Fatalf("event %d by %q, want %d by %q", f.Revision, f.By, rev+1, welcome.Member)
				}
				if f := want(t, l, "ack"); f.ID != id || f.Revision != rev+1 {
					t.Fatalf("ack of %d at %d, want of %d at %d", f.ID, f.Revision, id, rev+1)
				}
				rev++
			}
		})
	}
}

// Who polls without a connection sees what happens and is seen by nobody.
func TestObserverPolls(t *testing.T) {
	v := openVenue(t, nil)
	bob := v.link("websocket", connB, v.token("bob"))
	o := &poller{v: v, path: "/v1/hall/a?watch=1", token: v.token("ann"), ctx: t.Context(), drop_: func() {}}
	if welcome := o.until(`"welcome"`); !strings.Contains(welcome, `"+bob"`) {
		t.Errorf("the observer's welcome is %s, want the state", welcome)
	}
	begun := o.cursor
	polled := make(chan string, 1)
	go func() { polled <- o.until(`"event"`) }()
	cid := v.link("events", connA, v.token("cid"))
	if event := <-polled; !strings.Contains(event, `"cid"`) {
		t.Errorf("the observer got %s, want who came", event)
	}
	again := &poller{v: v, path: o.path, token: o.token, cursor: begun, ctx: t.Context(), drop_: func() {}}
	if event := again.until(`"event"`); !strings.Contains(event, `"cid"`) || again.cursor != o.cursor {
		t.Errorf("another observer got %s and %s, want the same as the first: %s", event, again.cursor, o.cursor)
	}
	cid.drop()
	if a := v.view(t, "hall/a", "bob"); a.status != http.StatusOK || strings.Contains(a.body, "ann") {
		t.Errorf("the state is %d %s, want nothing of the observer", a.status, a.body)
	}
	if status, _ := v.terminate(`{"sub":"ann"}`); status != http.StatusOK {
		t.Fatal(status)
	}
	if status := o.poll(); status != http.StatusUnauthorized {
		t.Errorf("a poll of an observer who was terminated = %d, want 401", status)
	}
	bob.drop()
}

// A stream whose client reads nothing is ended with slow_consumer, or gets a fresh state when it reads again: the others do not wait.
func TestStreamThatIsNotRead(t *testing.T) {
	type fill struct{ Size int }
	type filled struct{ Text string }
	type wall struct{ Last int }
	c := config()
	c.Categories = []*tutti.Category{tutti.NewCategory("wall",
		tutti.OnCommand(func(t *tutti.Turn[wall], c fill) error { t.Emit(filled{strings.Repeat("x", c.Size)}); return nil }),
		tutti.OnEvent(func(s *wall, e filled) { s.Last = len(e.Text) }),
	)}
	n := start(t, c)
	stalled, err := net.Dial("tcp", n.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer stalled.Close()
	_, err = fmt.Fprintf(stalled, "GET /v1/wall/a?conn=connection-that-stalls HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\nAuthorization: Bearer %s\r\n\r\n",
		n.Addr(), token(t, "bob", time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	_ = stalled.SetReadDeadline(time.Now().Add(2 * time.Minute))
	head := make([]byte, 12)
	if _, err := stalled.Read(head); err != nil || !strings.HasPrefix(string(head), "HTTP/1.1 200") {
		t.Fatalf("the stream begins with %q, %v", head, err)
	}
	conn := "connection-that-reads"
	l, err := followStream(t.Context(), "http://"+n.Addr().String(), "/v1/wall/a", "?conn="+conn, token(t, "ann", time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	defer l.cut()
	want(t, l, "welcome")
	const size, events = 500_000, 48 // 24 MB, above what is kept for one who is behind and what the system takes
	for id := 1; id <= events; id++ {
		got := n.post(t, "wall/a", "ann", conn, fmt.Sprintf(`{"type":"command","id":%d,"name":"fill","data":{"Size":%d}}`, id, size))
		if got.status != http.StatusOK {
			t.Fatalf("post %d = %d %s", id, got.status, got.body)
		}
		if f := want(t, l, "event"); f.Revision != uint64(id) {
			t.Fatalf("event %d, want %d", f.Revision, id)
		}
		want(t, l, "ack")
	}
	slow := &streamLink{stalled, bufio.NewReader(stalled)}
	rev, fresh := uint64(0), 0
	for rev < events {
		line, err := slow.next()
		if err != nil && time.Since(begun) > 10*time.Second {
			return // so slow is this machine that the stream was ended, which its client need not be told
		}
		if err != nil {
			t.Fatalf("after %d: %v", rev, err)
		}
		f, err := wire.DecodeServerFrame([]byte(line))
		switch {
		case err != nil:
			t.Fatal(err)
		case f.Type == "terminate" && f.Code == wire.EndSlowConsumer && f.Reconnect:
			return
		case f.Type == "welcome" && f.Revision >= rev && !f.Resumed:
			rev = f.Revision
			fresh++
		case f.Type == "event" && f.Revision == rev+1:
			rev++
		default:
			t.Fatalf("after %d: %.200s", rev, line)
		}
	}
	if fresh < 2 {
		t.Errorf("%d welcomes, want a fresh state in place of what was too much", fresh)
	}
}

// hopCount returns how many messages were counted in a hop.
func (n *running) hopCount(t *testing.T, hop string) uint64 {
	t.Helper()
	families, err := n.Metrics().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "tutti_hop_seconds" && m.GetLabel()[0].GetValue() == hop {
				return m.GetHistogram().GetSampleCount()
			}
		}
	}
	t.Fatalf("no hop %s", hop)
	return 0
}

// What is posted passes the edge like what comes over a socket, and is measured there.
func TestPostsAreMeasured(t *testing.T) {
	n := start(t, config())
	for _, of := range []struct {
		query, body string
		want        uint64
	}{
		{"", `{"name":"add","data":{"By":1}}`, 1},
		{"?conn=" + theConn, `{"type":"command","id":1,"name":"add","data":{"By":1},"trace":true}` + "\n" + `{"type":"ping","t":1}`, 2},
	} {
		before := n.hopCount(t, "edge")
		if a := n.do(t, http.MethodPost, "/v1/tally/a/commands"+of.query, "ann", of.body); a.status != http.StatusOK {
			t.Fatalf("POST %s = %d %s", of.query, a.status, a.body)
		}
		if got := n.hopCount(t, "edge") - before; got != of.want {
			t.Errorf("POST %s: %d messages were counted at the edge, want %d", of.query, got, of.want)
		}
	}
}
