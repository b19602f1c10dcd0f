package node_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/wire"
)

const theConn = "a-connection-of-ann"

func (n *running) post(t *testing.T, entity, sub, conn string, frames ...string) answer {
	t.Helper()
	return n.do(t, http.MethodPost, "/v1/"+entity+"/commands?conn="+conn, sub, strings.Join(frames, "\n"), "Content-Type", "application/x-ndjson")
}

// stream opens a WebSocket, and returns what reads its next frame that is not presence.
func (n *running) stream(t *testing.T, entity, token, conn string) (next func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	c, response, err := websocket.Dial(ctx, "ws://"+n.Addr().String()+"/v1/"+entity+"?conn="+conn, &websocket.DialOptions{
		Subprotocols: []string{wire.Subprotocol}, HTTPHeader: http.Header{"Authorization": {"Bearer " + token}},
	})
	if err != nil {
		t.Fatalf("%v %v", err, response)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	var lines []string
	return func() string {
		t.Helper()
		for len(lines) == 0 {
			_, data, err := c.Read(ctx)
			if err != nil {
				return err.Error()
			}
			lines = strings.Split(strings.TrimSpace(string(data)), "\n")
		}
		line := lines[0]
		lines = lines[1:]
		return line
	}
}

func TestPostsBesideAStream(t *testing.T) {
	n := start(t, callable())
	next := n.stream(t, "tally/a", tokenOf(t, tutti.Claims{Subject: "ann"}), theConn)
	if got := next(); !strings.Contains(got, `"welcome"`) {
		t.Fatalf("first frame is %s", got)
	}
	got := n.post(t, "tally/a", "ann", theConn,
		`{"type":"command","id":1,"name":"add","data":{ "By": 2 }}`, ``, `{"type":"command","id":2,"name":"nothing"}`,
		`{"type":"signal","name":"dropped"}`, `{"type":"command","id":1,"name":"add","data":{"By":2}}`)
	const ack, no = `{"type":"ack","id":1,"rev":1,"reply":2}`, `{"type":"reject","id":2,"code":"unknown_command","message":"category tally has no command \"nothing\""}`
	is(t, got, 200, ack+"\n"+no+"\n"+ack+"\n")
	if got.header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("headers are %v", got.header)
	}
	if event := next(); !strings.Contains(event, `"event","rev":1`) {
		t.Errorf("the stream got %s, want the event", event)
	}
	for _, want := range []string{ack, no, ack} {
		if frame := next(); frame != want {
			t.Errorf("the stream got %s, want %s", frame, want)
		}
	}
	is(t, n.post(t, "tally/a", "ann", theConn, `{"type":"signal","name":"dropped"}`), 200, "")
	var pong struct {
		Type, T string
	}
	if a := n.post(t, "tally/a", "ann", theConn, `{"type":"ping","t":"x"}`); json.Unmarshal([]byte(a.body), &pong) != nil || pong.Type != "pong" || pong.T != "x" {
		t.Errorf("ping was answered %v", a)
	}
	if frame := next(); !strings.Contains(frame, `"pong","t":"x"`) {
		t.Errorf("the stream got %s, want the pong", frame)
	}
	is(t, n.view(t, "tally/a", "bob"), 200, `{"N":2}`) // who is told of an ack, and then asks, sees it
	is(t, n.post(t, "tally/a", "ann", theConn, `{"type":"command","id":3,"name":"add","data":{"By":3}}`, `{"type":"leave"}`), 200,
		`{"type":"ack","id":3,"rev":2,"reply":5}`+"\n")
	next()
	next()
	if frame := next(); !strings.Contains(frame, `"terminate","code":"left"`) || !strings.Contains(frame, `"reconnect":false`) {
		t.Errorf("the stream got %s, want it ended", frame)
	}
	if end := next(); !strings.Contains(end, "StatusNormalClosure") {
		t.Errorf("the stream ended with %s", end)
	}
}

func TestPostsAreRefused(t *testing.T) {
	c := callable()
	c.Limits.CommandData, c.Limits.Unanswered = 1000, 4
	n := start(t, c)
	const fine = `{"type":"command","id":1,"name":"add","data":{"By":2}}`
	for _, test := range []struct {
		frames []string
		status int
		code   string
	}{
		{nil, 400, ""},
		{[]string{fine, `junk`}, 400, ""},
		{[]string{fine, `{"type":"welcome"}`}, 400, ""},
		{[]string{fine, `{"type":"command","id":0,"name":"add"}`}, 400, ""},
		{[]string{`{"type":"leave"}`, fine}, 400, ""},
		{[]string{fine, `{"type":"auth","token":"junk"}`}, 401, ""},
		{[]string{fine, `{"type":"auth","token":"` + tokenOf(t, tutti.Claims{Subject: "bob"}) + `"}`}, 403, "forbidden"},
		{[]string{fine, `{"type":"query","id":2,"name":"x","data":"` + strings.Repeat("x", 1000) + `"}`}, 413, "too_large"},
		{[]string{fine, `{"type":"presence","data":"` + strings.Repeat("x", 5000) + `"}`}, 413, "too_large"},
		{[]string{fine, fine, fine, fine, fine}, 413, "too_large"},
	} {
		a := n.post(t, "tally/a", "ann", theConn, test.frames...)
		refused(t, a, test.status, test.code)
		if len(test.frames) == 2 && !strings.HasPrefix(a.body[strings.Index(a.body, "detail")+9:], "frame 2: ") {
			t.Errorf("%v: %s does not name the frame", test.frames, a.body)
		}
	}
	refused(t, n.post(t, "tally/a", "ann", "short", fine), 400, "")
	refused(t, n.post(t, "tally/a", "", theConn, fine), 401, "")
	refused(t, n.post(t, "board/a", "eve", theConn, fine), 403, "banned")
	refused(t, n.do(t, http.MethodPost, "/v1/tally/a/commands?conn="+theConn, "ann", fine, "Idempotency-Key", "k"), 400, "")
	is(t, n.view(t, "tally/a", "ann"), 200, `{"N":0}`)
	is(t, n.post(t, "tally/a", "ann", theConn, fine), 200, `{"type":"ack","id":1,"rev":1,"reply":2}`+"\n")
	refused(t, n.post(t, "tally/a", "bob", theConn, fine), 403, "forbidden")
	is(t, n.view(t, "tally/a", "ann"), 200, `{"N":2}`)
}
