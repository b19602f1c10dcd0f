package edge_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// TestLostAnswer: a poll that its client, or the HTTP library below it, sends again since the answer was lost has its
// number again, and is told by a welcome that more than events may be missing.
func TestLostAnswer(t *testing.T) { both(t, testLostAnswer) }

func testLostAnswer(t *testing.T, start starter) {
	p := start(t, nil)
	me := "?conn=" + conn(1)
	p.poll(t, "1", me+"&attempt=5&poll=5", "ann", "wait=25").want(t, "e1:0", `"welcome"`)
	ack := func(id uint64) {
		p.owner.tell("room", "1", wire.Envelope{Kind: wire.KindAck, Link: p.owner.linkOf(conn(1)), Command: id})
	}
	ack(1)
	p.poll(t, "1", me+"&attempt=5&poll=6&cursor=e1:0", "ann", "wait=25").want(t, "e1:0", `"ack"`)
	p.poll(t, "1", me+"&attempt=5&poll=6&cursor=e1:0", "ann", "wait=25").want(t, "e1:0", `"welcome"`)
	ack(2)
	p.poll(t, "1", me+"&attempt=5&poll=7&cursor=e1:0", "ann", "wait=25").want(t, "e1:0", `"ack"`)
	p.poll(t, "1", me+"&attempt=5&poll=6&cursor=e1:0", "ann", "wait=25").wantStatus(t, http.StatusConflict)
	// Nothing is lost with an answer that brings nothing.
	p.poll(t, "1", me+"&attempt=5&poll=8&cursor=e1:0", "ann", "wait=0").wantStatus(t, http.StatusNoContent)
	p.poll(t, "1", me+"&attempt=5&poll=8&cursor=e1:0", "ann", "wait=0").wantStatus(t, http.StatusNoContent)
	if n := len(p.owner.received(wire.KindAttach)); n != 2 {
		t.Errorf("%d attachments, want one, and one for the answer that was lost", n)
	}
	p.poll(t, "1", me+"&attempt=6&poll=1&cursor=e1:0", "ann", "wait=25").want(t, "e1:0", `"welcome"`)
	p.poll(t, "1", me+"&attempt=5&poll=9&cursor=e1:0", "ann", "wait=25").wantStatus(t, http.StatusConflict)
	for _, bad := range []string{"0", "", "-1", "x", "9007199254740992"} {
		p.poll(t, "1", me+"&poll="+bad+"&cursor=e1:0", "ann", "wait=25").wantStatus(t, http.StatusBadRequest)
	}
}

// TestPollOfLostLink: a connection whose link was lost between two polls is told so.
func TestPollOfLostLink(t *testing.T) {
	bubble(t, nil, func(t *testing.T, p *platform, _ dialer) {
		p.owner.publish("room", "1", 2, "1")
		poll := func() string {
			resp := p.pipeGet(t, "conn="+conn(1)+"&cursor=e1:1", "ann", "Accept: application/json\r\nPrefer: wait=0")
			body, _ := io.ReadAll(resp.Body)
			return string(body)
		}
		for range 2 {
			if got := poll(); !strings.HasPrefix(got, `[{"type":"welcome",`) || !strings.Contains(got, `"rev":1,"resumed":true`) {
				t.Errorf("the poll of a new link is answered %s, want the welcome", got)
			}
			time.Sleep(40 * time.Second) // the link does not stay as long
		}
	})
}

// TestPollAfterAnotherTransport: a client that polled, tried another transport and polls again begins anew from its
// cursor. The link of the polls before has been replaced, which is not what this poll is to be told.
func TestPollAfterAnotherTransport(t *testing.T) { both(t, testPollAfterAnotherTransport) }

func testPollAfterAnotherTransport(t *testing.T, start starter) {
	p := start(t, nil)
	p.owner.publish("room", "1", 2, "1")
	me := "?conn=" + conn(1)
	p.poll(t, "1", me, "ann", "wait=25").want(t, "e1:2", `"welcome"`)
	c := p.dial(t, "1", 1, "&cursor=e1:2", "ann")
	c.want(`"type":"welcome"`)
	p.poll(t, "1", me+"&cursor=e1:2", "ann", "wait=0").want(t, "e1:2", `"resumed":true`)
	c.wantEnd(`"code":"replaced"`, wire.CloseReplaced)
	p.owner.publish("room", "1", 1, "2")
	p.poll(t, "1", me+"&cursor=e1:2", "ann", "wait=25").want(t, "e1:3", `"rev":3`)
}

// TestPollGoesOnFromACursor: a link that begins with an earlier cursor has its welcome and what comes after the cursor in
// one answer, and an owner that is slow to tell does not hold up the welcome.
func TestPollGoesOnFromACursor(t *testing.T) {
	bubble(t, nil, func(t *testing.T, p *platform, _ dialer) {
		p.owner.publish("room", "1", 3, "1")
		poll := func(i int) (string, time.Duration) {
			begun := time.Now()
			resp := p.pipeGet(t, "conn="+conn(i)+"&cursor=e1:1", "ann", "Accept: application/json\r\nPrefer: wait=20")
			body, _ := io.ReadAll(resp.Body)
			return resp.Header.Get("Tutti-Cursor") + " " + string(body), time.Since(begun)
		}
		if got, _ := poll(1); !strings.HasPrefix(got, `e1:3 [{"type":"welcome",`) || strings.Count(got, `"event"`) != 2 {
			t.Errorf("the first poll is answered %s, want the welcome and both events", got)
		}
		p.owner.mu.Lock()
		p.owner.silent[wire.KindBacklog] = true
		p.owner.mu.Unlock()
		got, took := poll(2)
		if !strings.HasPrefix(got, `e1:1 [{"type":"welcome",`) || strings.Contains(got, `"event"`) || took > 2*time.Second {
			t.Errorf("while the owner owes the events the first poll is answered %s after %v, want the welcome alone, soon", got, took)
		}
	})
}

// TestPollsAstray: polls that a balancer spreads over edges. One that comes back to an edge whose link has been replaced meanwhile
// begins another, before anybody has said so; and one that has missed nothing waits for a moment before it has nothing but its welcome.
func TestPollsAstray(t *testing.T) {
	bubble(t, nil, func(t *testing.T, p *platform, _ dialer) {
		p.owner.publish("room", "1", 1, "1")
		poll := func(query string) (string, time.Duration) {
			begun := time.Now()
			resp := p.pipeGet(t, "conn="+conn(1)+"&attempt=5"+query, "ann", "Accept: application/json\r\nPrefer: wait=20")
			body, _ := io.ReadAll(resp.Body)
			return string(body), time.Since(begun)
		}
		expect := func(query string, took time.Duration, parts ...string) {
			t.Helper()
			got, spent := poll(query)
			for _, part := range append(parts, `[{"type":"welcome",`) {
				if !strings.Contains(got, part) {
					t.Errorf("%s is answered %s, want %s", query, got, part)
				}
			}
			if spent != took {
				t.Errorf("%s is answered after %s, want %s", query, spent, took)
			}
		}
		expect("&welcome=1", 0)
		expect("&poll=3&cursor=e1:1", time.Second) // 1 and 2 were elsewhere
		if n := len(p.owner.received(wire.KindAttach)); n != 2 {
			t.Errorf("%d attachments, want one for each poll", n)
		}
		p.owner.publish("room", "1", 1, "2")
		expect("&poll=6&cursor=e1:1", 0, `"rev":2`) // what was missed is told at once
		go func() {
			time.Sleep(300 * time.Millisecond)
			p.owner.publish("room", "1", 1, "3")
		}()
		expect("&poll=9&cursor=e1:2", 300*time.Millisecond, `"rev":3`) // and so is what comes
		expect("&poll=9&cursor=e1:2", 0, `"rev":3`)                    // an answer that was lost
	})
}
