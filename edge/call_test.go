package edge_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/wire"
)

// asked makes a request in a bubble whose owners answer no calls, and returns the status and code that it gets.
func (p *platform) asked(method, path, sub, body string) func() (status int, code string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+sub)
	r.Header.Set("Accept", "application/json")
	w := httptest.NewRecorder()
	var wait sync.WaitGroup
	wait.Go(func() { p.edge.ServeHTTP(w, r) })
	return func() (int, string) {
		wait.Wait()
		var problem struct{ Code string }
		_ = json.Unmarshal(w.Body.Bytes(), &problem)
		if again := w.Header().Get("Retry-After"); (again != "") != (w.Code == 429 || w.Code >= 503) {
			return w.Code, "Retry-After " + again
		}
		return w.Code, problem.Code
	}
}

const commandsOf1 = "/v1/room/1/commands"

func wantAnswer(t *testing.T, answer func() (int, string), status int, code string) {
	t.Helper()
	if s, c := answer(); s != status || c != code {
		t.Errorf("answered %d %q, want %d %q", s, c, status, code)
	}
}

func TestQuestionsThatAreNotAnswered(t *testing.T) {
	bubble(t, nil, func(t *testing.T, p *platform, _ dialer) {
		p.owner.silence(wire.KindAttach)
		began := time.Now()
		call := p.asked(http.MethodPost, commandsOf1, "ann", `{"name":"say"}`)
		view := p.asked(http.MethodGet, "/v1/room/1", "ann", "")
		post := p.asked(http.MethodPost, commandsOf1+"?conn="+conn(1), "ann", `{"type":"command","id":1,"name":"say"}`)
		for _, answer := range []func() (int, string){call, view, post} {
			wantAnswer(t, answer, 504, "unknown")
		}
		if waited := time.Since(began); waited != 30*time.Second {
			t.Errorf("answered after %v, want 30 s", waited)
		}
		synctest.Wait()
		if got := p.owner.received(wire.KindDetach); len(got) != 1 {
			t.Errorf("%d links of posts were ended, want 1", len(got))
		}
		if n := p.edge.Stats().Questions; n != 0 {
			t.Errorf("%d questions are under way, want none", n)
		}
	})
}

func TestQuestionsAreBounded(t *testing.T) {
	limit := func(c *edge.Config) { c.Limits.Calls, c.Limits.SubCalls = 3, 2 }
	bubble(t, limit, func(t *testing.T, p *platform, _ dialer) {
		var first []func() (int, string)
		for _, sub := range []string{"ann", "ann", "bob"} {
			first = append(first, p.asked(http.MethodPost, commandsOf1, sub, `{"name":"say"}`))
			synctest.Wait()
			if sub == "ann" && len(first) == 2 {
				wantAnswer(t, p.asked(http.MethodGet, "/v1/room/1", "ann", ""), 429, "rate_limited")
			}
		}
		wantAnswer(t, p.asked(http.MethodPost, commandsOf1, "cid", `{"name":"say"}`), 503, "overloaded")
		for _, answer := range first {
			wantAnswer(t, answer, 504, "unknown")
		}
	})
}

func TestQuestionsCountAsFrames(t *testing.T) {
	limit := func(c *edge.Config) { c.Limits.SubFrames = 3 }
	bubble(t, limit, func(t *testing.T, p *platform, _ dialer) {
		answers := []func() (int, string){
			p.asked(http.MethodPost, commandsOf1, "ann", `{"name":"say"}`),
			p.asked(http.MethodPost, commandsOf1, "ann", `{"name":"say"}`),
		}
		synctest.Wait()
		wantAnswer(t, p.asked(http.MethodPost, commandsOf1+"?conn="+conn(1), "ann", `{"type":"leave"}`+"\n"+`{"type":"leave"}`), 400, "")
		wantAnswer(t, p.asked(http.MethodPost, commandsOf1+"?conn="+conn(1), "ann", strings.Repeat(`{"type":"signal","name":"x"}`+"\n", 2)), 429, "rate_limited")
		for _, answer := range answers {
			wantAnswer(t, answer, 504, "unknown")
		}
	})
}

func TestDrainEndsQuestions(t *testing.T) {
	bubble(t, nil, func(t *testing.T, p *platform, _ dialer) {
		call := p.asked(http.MethodPost, commandsOf1, "ann", `{"name":"say"}`)
		synctest.Wait()
		began := time.Now()
		p.stop()
		if took := time.Since(began); took > 9*time.Second {
			t.Errorf("the edge drained for %v", took)
		}
		wantAnswer(t, call, 504, "unknown")
		wantAnswer(t, p.asked(http.MethodPost, commandsOf1, "ann", `{"name":"say"}`), 503, "unavailable")
		// With that code a client would take its commands for rejected, which it can send once the node is back.
		wantAnswer(t, p.asked(http.MethodPost, commandsOf1+"?conn="+conn(1), "ann", `{"type":"command","id":1,"name":"say"}`), 503, "")
	})
}

// A fresh token that is brought beside a link puts off its end.
func TestTokenBroughtBesideTheLink(t *testing.T) {
	bubble(t, nil, func(t *testing.T, p *platform, dial dialer) {
		a, b := dial(1, "", "ann;red;60s"), dial(2, "", "bob")
		time.Sleep(30 * time.Second)
		tell := func(i int, c tutti.Claims) {
			encoded, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			p.owner.tell("room", "1", wire.Envelope{Kind: wire.KindExpires, Link: p.owner.linkOf(conn(i)), Claims: encoded})
		}
		tell(1, tutti.Claims{Subject: "ann", ExpiresAt: time.Now().Add(time.Minute)})
		tell(2, tutti.Claims{Subject: "bob", ExpiresAt: time.Now().Add(time.Minute)})
		time.Sleep(2 * time.Minute)
		a.wantEnd(`"code":"token_expired"`, wire.CloseToken, 90*time.Second, 93*time.Second)
		b.wantEnd(`"code":"token_expired"`, wire.CloseToken, 90*time.Second, 93*time.Second)
	})
}
