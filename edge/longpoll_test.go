package edge_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/wire"
)

// polled is the answer to one poll.
type polled struct {
	status int
	cursor string
	header http.Header
	frames []json.RawMessage
	body   string
}

// poll sends one request of a long poll with that query.
func (p *platform) poll(t testing.TB, id, query, token, wait string) polled {
	t.Helper()
	resp := p.get(t, id, query, token, "application/json", "Prefer", wait)
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := polled{status: resp.StatusCode, cursor: resp.Header.Get("Tutti-Cursor"), header: resp.Header, body: string(body)}
	if a.status == http.StatusOK {
		if err := json.Unmarshal(body, &a.frames); err != nil || resp.Header.Get("Content-Type") != "application/json" {
			t.Fatalf("body %.200s of type %s: %v", body, resp.Header.Get("Content-Type"), err)
		}
	}
	return a
}

// pollUntil polls from one cursor to another, and returns all frames.
func (p *platform) pollUntil(t testing.TB, id, query, from, to string) polled {
	t.Helper()
	var all polled
	for cursor := from; cursor != to; cursor = all.cursor {
		a := p.poll(t, id, query+"&cursor="+cursor, "ann", "wait=25")
		a.frames = append(all.frames, a.frames...)
		if all = a; a.status != http.StatusOK {
			break
		}
	}
	return all
}

func (a polled) want(t testing.TB, cursor string, parts ...string) {
	t.Helper()
	if a.status != http.StatusOK || len(a.frames) != len(parts) || a.cursor != cursor {
		t.Fatalf("answer = %d, cursor %s, %.300s, want %d frames and the cursor %s", a.status, a.cursor, a.body, len(parts), cursor)
	}
	for i, part := range parts {
		if !strings.Contains(string(a.frames[i]), part) {
			t.Fatalf("frame %d = %.200s, want one with %s", i, a.frames[i], part)
		}
	}
}

func (a polled) wantStatus(t testing.TB, status int) {
	t.Helper()
	if a.status != status {
		t.Fatalf("status = %d, %.200s, want %d", a.status, a.body, status)
	}
}

func TestPoll(t *testing.T) { both(t, testPoll) }

func testPoll(t *testing.T, start starter) {
	p := start(t, nil)
	p.owner.publish("room", "1", 2, "1")
	me := "?conn=" + conn(1)
	a := p.poll(t, "1", me, "ann", "wait=25")
	a.want(t, "e1:2", `{"type":"welcome","member":"m-00000001","epoch":"e1","rev":2,"resumed":false,"acked":0,"known":true,"state":{"n":2},"heartbeat":25000}`)
	if got := a.header.Get("Preference-Applied"); got != "wait=25" {
		t.Errorf("Preference-Applied = %q, want wait=25", got)
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control = %q, want no-store", got)
	}
	p.owner.publish("room", "1", 2, "2") // between two polls
	p.poll(t, "1", me+"&cursor=e1:2", "ann", "wait=25").want(t, "e1:4", `"rev":3`, `"rev":4`)
	answers := make(chan polled, 1)
	go func() { answers <- p.poll(t, "1", me+"&cursor=e1:4", "ann", "wait=25") }()
	p.owner.publish("room", "1", 1, "3")
	(<-answers).want(t, "e1:5", `"rev":5`)
	a = p.poll(t, "1", me+"&cursor=e1:5", "ann", "wait=0")
	a.wantStatus(t, http.StatusNoContent)
	if a.cursor != "e1:5" || a.body != "" {
		t.Errorf("the empty answer has cursor %q, body %q, want the request's and none", a.cursor, a.body)
	}
	if n := len(p.owner.received(wire.KindAttach)); n != 1 {
		t.Errorf("four polls attached %d times, want once", n)
	}
	// What is for this link alone waits for the next poll, behind the event it came after.
	p.owner.publish("room", "1", 1, "4")
	p.owner.tell("room", "1", wire.Envelope{Kind: wire.KindAck, Link: p.owner.linkOf(conn(1)), Command: 7, Revision: 6})
	p.owner.tell("room", "1", wire.Envelope{Kind: wire.KindMessage, Name: "typing", Data: []byte("1")})
	p.poll(t, "1", me+"&cursor=e1:5", "ann", "wait=25").want(t, "e1:6", `"rev":6`, `"ack"`, `"message"`)
	// Another cursor begins anew.
	p.poll(t, "1", me+"&cursor=e1:4", "ann", "wait=25").want(t, "e1:6", `"rev":4,"resumed":true`, `"rev":5`, `"rev":6`)
	p.poll(t, "1", me+"&cursor=e1:6&welcome=1", "ann", "wait=25").want(t, "e1:6", `"rev":6,"resumed":true`)
	for _, cursor := range []string{"e1:7", "e9:6", "-:0"} {
		p.poll(t, "1", me+"&cursor="+cursor, "ann", "wait=25").want(t, "e1:6", `"rev":6,"resumed":false,"acked":0,"known":true,"state":`)
	}
	if s := p.edge.Stats(); s.Links != 1 {
		t.Errorf("%d links, want one of one connection", s.Links)
	}
}

// A poll that is told who is here begins with its welcome: the list that follows replaces the one before.
func TestPollWithPresence(t *testing.T) { both(t, testPollWithPresence) }

func testPollWithPresence(t *testing.T, start starter) {
	p := start(t, nil)
	p.owner.publish("room", "1", 2, "1")
	query := "?presence=1&cursor=e1:2&conn=" + conn(1)
	a := p.poll(t, "1", query, "ann", "wait=25")
	if len(a.frames) == 1 { // the list was not there yet
		a.want(t, "e1:2", `"rev":2,"resumed":true`)
		p.poll(t, "1", query, "ann", "wait=25").want(t, "e1:2", `"presence"`)
		return
	}
	a.want(t, "e1:2", `"rev":2,"resumed":true`, `"presence"`)
}

// TestPollWaits: Prefer says for how long, up to a minute.
func TestPollWaits(t *testing.T) {
	bubble(t, nil, func(t *testing.T, p *platform, _ dialer) {
		p.pipeGet(t, "conn="+conn(1), "ann", "Accept: application/json\r\nPrefer: wait=9") // the welcome
		for _, c := range []struct {
			prefer, applied string
			status          int
			took            time.Duration
		}{
			{"wait=0", "wait=0", 204, 0},
			{"wait=7", "wait=7", 204, 7 * time.Second},
			{"respond-async, WAIT = 3; x=y, wait=9", "wait=3", 204, 3 * time.Second},
			{`wait="4"`, "wait=4", 204, 4 * time.Second},
			{"wait=99999999999999999999999999", "wait=60", 204, time.Minute},
			{"wait=-1", "", 400, 0},
			{"wait=1.5", "", 400, 0},
			{"wait=", "", 400, 0},
			{"wait", "", 400, 0},
			{"wait=1e3", "", 400, 0},
			{"wait=٣", "", 400, 0},
		} {
			begun := time.Now()
			resp := p.pipeGet(t, "conn="+conn(1)+"&cursor=e1:0", "ann", "Accept: application/json\r\nPrefer: "+c.prefer)
			if took := time.Since(begun); resp.StatusCode != c.status || took != c.took || resp.Header.Get("Preference-Applied") != c.applied {
				t.Errorf("%s: status %d after %v, applied %q, want %d after %v and %q", c.prefer, resp.StatusCode, took,
					resp.Header.Get("Preference-Applied"), c.status, c.took, c.applied)
			}
		}
	})
}

// TestPollLingers: a connection stays while its client is about to poll again, and goes when it does not.
func TestPollLingers(t *testing.T) {
	bubble(t, nil, func(t *testing.T, p *platform, _ dialer) {
		poll := func(cursor string) *http.Response {
			return p.pipeGet(t, "conn="+conn(1)+cursor, "ann", "Accept: application/json\r\nPrefer: wait=20")
		}
		poll("")
		for range 5 {
			poll("&cursor=e1:0")
			time.Sleep(25 * time.Second)
		}
		if n, links := len(p.owner.received(wire.KindAttach)), p.edge.Stats().Links; n != 1 || links != 1 {
			t.Errorf("%d attachments and %d links, want one", n, links)
		}
		time.Sleep(40 * time.Second)
		if n, links := len(p.owner.received(wire.KindDetach)), p.edge.Stats().Links; n != 1 || links != 0 {
			t.Errorf("%d detachments and %d links after the last poll, want the link gone", n, links)
		}
		// One that ended meanwhile says so to the next poll.
		poll("")
		p.owner.tell("room", "1", wire.Envelope{Kind: wire.KindTerminate, Code: "closed", Message: "good night"})
		time.Sleep(20 * time.Second)
		body, _ := io.ReadAll(poll("&cursor=e1:0").Body)
		if !strings.Contains(string(body), `[{"type":"terminate","code":"closed","message":"good night","reconnect":false}]`) {
			t.Errorf("the poll after the end is answered %s, want terminate", body)
		}
		time.Sleep(time.Second)
		if links := p.edge.Stats().Links; links != 0 {
			t.Errorf("%d links after the end was told, want none", links)
		}
	})
}

// TestPollTokens: a poll brings a fresh token with it.
func TestPollTokens(t *testing.T) {
	bubble(t, nil, func(t *testing.T, p *platform, _ dialer) {
		poll := func(token string) string {
			body, _ := io.ReadAll(p.pipeGet(t, "conn="+conn(1)+"&cursor=e1:0", token, "Accept: application/json\r\nPrefer: wait=20").Body)
			return string(body)
		}
		poll("ann;red;25s") // the welcome
		for range 5 {
			if got := poll("ann;red;25s"); got != "" {
				t.Fatalf("the poll with a fresh token is answered %s, want nothing", got)
			}
		}
		if n := len(p.owner.received(wire.KindClaims)); n != 4 {
			t.Errorf("the owner got fresh claims %d times, want 4", n)
		}
		if got := poll("ann;red;10s"); !strings.Contains(got, `"token_expired"`) {
			// seen at the next heartbeat at the latest
			if got = poll("ann;red;1s"); !strings.Contains(got, `"token_expired"`) {
				t.Errorf("the poll whose token expires is answered %q, want terminate", got)
			}
		}
		if got := poll("eve"); !strings.Contains(got, `another subject`) {
			t.Errorf("the poll of another subject is answered %s, want a refusal", got)
		}
	})
}

// TestPollsOfOneConnection: the newest has the link, the one before gets 409.
func TestPollsOfOneConnection(t *testing.T) { both(t, testPollsOfOneConnection) }

func testPollsOfOneConnection(t *testing.T, start starter) {
	p := start(t, nil)
	me := "?conn=" + conn(1)
	p.poll(t, "1", me, "ann", "wait=25").want(t, "e1:0", `"welcome"`)
	const many = 8
	answers := make(chan polled, many)
	var polls sync.WaitGroup
	for range many {
		polls.Go(func() { answers <- p.poll(t, "1", me+"&cursor=e1:0", "ann", "wait=25") })
	}
	for range many - 1 {
		(<-answers).wantStatus(t, http.StatusConflict)
	}
	p.owner.publish("room", "1", 1, "1")
	(<-answers).want(t, "e1:1", `"rev":1`)
	polls.Wait()
	// A link of another kind replaces it, at once where it is polled.
	go func() { answers <- p.poll(t, "1", me+"&cursor=e1:1", "ann", "wait=25") }()
	waitFor(t, func() bool { return p.edge.Waiting() == 1 })
	c := p.dial(t, "1", 1, "&cursor=e1:1", "ann")
	c.want(`"resumed":true`)
	(<-answers).want(t, "e1:1", `"code":"replaced"`)
	p.poll(t, "1", me+"&cursor=e1:1", "eve", "wait=25").wantStatus(t, http.StatusForbidden)
	p.poll(t, "1", "?conn="+conn(2), "refused", "wait=25").wantStatus(t, http.StatusForbidden)
	p.poll(t, "1", me+"&cursor=e1:1", "ann", "wait=0").want(t, "e1:1", `"resumed":true`)
	c.wantEnd(`"code":"replaced"`, wire.CloseReplaced)
}

// TestObserverPolls have no connection, and leave nothing.
func TestObserverPolls(t *testing.T) { both(t, testObserverPolls) }

func testObserverPolls(t *testing.T, start starter) {
	p := start(t, nil)
	p.owner.publish("room", "1", 3, "1")
	p.poll(t, "1", "", "ann", "wait=25").want(t, "e1:3", `"rev":3,"resumed":false`)
	p.pollUntil(t, "1", "?welcome=0", "e1:1", "e1:3").want(t, "e1:3", `"rev":2`, `"rev":3`)
	p.poll(t, "1", "?cursor=e1:3", "ann", "wait=0").wantStatus(t, http.StatusNoContent)
	const many = 50
	answers := make(chan polled, many)
	for i := range many {
		go func() { answers <- p.poll(t, "1", "?cursor=e1:3", fmt.Sprintf("sub%d", i), "wait=25") }()
	}
	waitFor(t, func() bool { return p.edge.Stats().Links == many })
	p.owner.publish("room", "1", 1, "2")
	for range many {
		(<-answers).want(t, "e1:4", `"rev":4`)
	}
	waitFor(t, func() bool { return p.edge.Stats().Links == 0 })
	for _, e := range p.owner.received(wire.KindAttach) {
		if !e.Has(wire.Observer) || e.Conn != "" {
			t.Fatalf("attached with %+v, want observers", e)
		}
	}
	if s := p.edge.Stats(); s.Entities != 0 || s.Rings != 0 || s.PrivateBytes != 0 {
		t.Errorf("Stats() = %+v, want nothing left", s)
	}
}

// TestPollsAreBounded, as other links are.
func TestPollsAreBounded(t *testing.T) {
	p := start(t, func(c *edge.Config) { c.Limits.SubLinks, c.Limits.Links, c.Limits.SubHandshakes = 3, 5, 20 })
	for i := range 3 {
		p.poll(t, "1", "?conn="+conn(i), "ann", "wait=0").want(t, "e1:0", `"welcome"`)
	}
	p.poll(t, "1", "?conn="+conn(3), "ann", "wait=0").wantStatus(t, http.StatusTooManyRequests)
	for i := range 2 {
		p.poll(t, "1", "?conn="+conn(4+i), "bob", "wait=0").want(t, "e1:0", `"welcome"`)
	}
	p.poll(t, "1", "?conn="+conn(7), "cid", "wait=0").wantStatus(t, http.StatusServiceUnavailable)
	for range 40 { // a client that polls without waiting
		if a := p.poll(t, "1", "?cursor=e1:0&conn="+conn(4), "bob", "wait=0"); a.status == http.StatusTooManyRequests {
			return
		}
	}
	t.Error("40 polls at once were answered, want no more than a subject may have of handshakes")
}

// TestPollsDrain: those that wait get terminate, and the edge does not wait for those that do not.
func TestPollsDrain(t *testing.T) { both(t, testPollsDrain) }

func testPollsDrain(t *testing.T, start starter) {
	p := start(t, nil)
	p.poll(t, "1", "?conn="+conn(1), "ann", "wait=25").want(t, "e1:0", `"welcome"`)
	p.poll(t, "1", "?conn="+conn(2), "ann", "wait=25").want(t, "e1:0", `"welcome"`)
	answers := make(chan polled, 1)
	go func() { answers <- p.poll(t, "1", "?cursor=e1:0&conn="+conn(1), "ann", "wait=25") }()
	waitFor(t, func() bool { return p.edge.Stats().Links == 2 && p.edge.Waiting() == 1 })
	p.stop()
	(<-answers).want(t, "e1:0", `"code":"draining"`)
	p.poll(t, "1", "?cursor=e1:0&conn="+conn(2), "ann", "wait=25").wantStatus(t, http.StatusServiceUnavailable)
	if s := p.edge.Stats(); s.Links != 0 || s.Rings != 0 || s.PrivateBytes != 0 {
		t.Errorf("Stats() = %+v, want nothing left", s)
	}
}

// TestPollOfMuch gives a large backlog out in pieces, each with its cursor, and a large state whole.
func TestPollOfMuch(t *testing.T) { both(t, testPollOfMuch) }

func testPollOfMuch(t *testing.T, start starter) {
	p := start(t, nil)
	me := "?conn=" + conn(1)
	p.poll(t, "1", me, "ann", "wait=25").want(t, "e1:0", `"welcome"`)
	const events = 300
	p.owner.publish("room", "1", events, `"`+strings.Repeat("x", 3000)+`"`)
	cursor, rev, polls := "e1:0", 0, 0
	for rev < events {
		a := p.poll(t, "1", me+"&cursor="+cursor, "ann", "wait=25")
		for _, f := range a.frames {
			rev++
			if !strings.Contains(string(f), fmt.Sprintf(`"rev":%d,`, rev)) {
				t.Fatalf("got %.100s, want event %d", f, rev)
			}
		}
		cursor = a.cursor
		if want := fmt.Sprintf("e1:%d", rev); cursor != want {
			t.Fatalf("the cursor after event %d is %s", rev, cursor)
		}
		polls++
	}
	if n := len(p.owner.received(wire.KindAttach)); n != 1 || polls < 3 {
		t.Errorf("%d attachments and %d polls, want one and some", n, polls)
	}
	// While nobody polled the link fell behind by more than it may: it gets a fresh state.
	p.owner.publish("room", "1", events, `"`+strings.Repeat("x", 8000)+`"`)
	big := strings.Repeat("y", 2<<20)
	p.owner.mu.Lock()
	p.owner.state = []byte(`{"big":"` + big + `"}`)
	p.owner.mu.Unlock()
	a := p.poll(t, "1", me+"&cursor="+cursor, "ann", "wait=25")
	a.want(t, fmt.Sprintf("e1:%d", 2*events), `"resumed":false`)
	if !strings.Contains(string(a.frames[0]), big) {
		t.Error("the welcome has not the whole state")
	}
}

// TestSilentEntityAndPolls: an owner that says nothing costs a poll some seconds, whatever it wanted to wait.
func TestSilentEntityAndPolls(t *testing.T) {
	bubble(t, nil, func(t *testing.T, p *platform, _ dialer) {
		p.owner.mu.Lock()
		p.owner.silent[wire.KindAttach] = true
		p.owner.mu.Unlock()
		begun := time.Now()
		resp := p.pipeGet(t, "conn="+conn(1), "ann", "Accept: application/json\r\nPrefer: wait=0")
		if took := time.Since(begun); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || took > 10*time.Second {
			t.Errorf("answer after %v is %d, want 503 with Retry-After within 10 s", took, resp.StatusCode)
		}
	})
}
