package node_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/node"
)

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   string
}

// code returns the code of a problem.
func (a answer) code(t *testing.T) string {
	t.Helper()
	var p struct {
		Status int
		Code   string
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || p.Status != a.status || a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %s is no problem of that status: %v", a.status, a.body, err)
	}
	return p.Code
}

// do makes a request of sub, with header lines given in pairs.
func (n *running) do(t *testing.T, method, path, sub, body string, header ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+n.Addr().String()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if sub != "" {
		r.Header.Set("Authorization", "Bearer "+tokenOf(t, tutti.Claims{Subject: sub}))
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(got)}
}

func tokenOf(t *testing.T, c tutti.Claims) string {
	t.Helper()
	c.ExpiresAt = time.Now().Add(time.Hour)
	return signed(t, c)
}

func (n *running) call(t *testing.T, entity, sub, body string, header ...string) answer {
	t.Helper()
	return n.do(t, http.MethodPost, "/v1/"+entity+"/commands", sub, body, header...)
}

func (n *running) view(t *testing.T, entity, sub string, header ...string) answer {
	t.Helper()
	return n.do(t, http.MethodGet, "/v1/"+entity, sub, "", append([]string{"Accept", "application/json"}, header...)...)
}

// is compares status and body.
func is(t *testing.T, got answer, status int, body string) {
	t.Helper()
	if got.status != status || got.body != body {
		t.Errorf("answered %d %.200q, want %d %.200q", got.status, got.body, status, body)
	}
}

// refused compares status and code.
func refused(t *testing.T, got answer, status int, code string) {
	t.Helper()
	if c := got.code(t); got.status != status || c != code {
		t.Errorf("answered %d %s, want %d with code %q", got.status, got.body, status, code)
	}
}

type (
	reject struct{ Code string }
	pause  struct{ MS int }
	echo   struct{ N int }
	board  struct{ Text string }
	put    struct{ Text string }
	wrote  struct{ Text string }
	hidden struct{ Text string }
)

// boards reject as they are asked to, take their time, reply at length, and show different things to different audiences.
func boards() *tutti.Category {
	return tutti.NewCategory("board",
		tutti.OnCommand(func(t *tutti.Turn[board], c reject) error { return tutti.Reject(c.Code, "no") }),
		tutti.OnCommand(func(t *tutti.Turn[board], c pause) error {
			time.Sleep(time.Duration(c.MS) * time.Millisecond)
			return nil
		}),
		tutti.OnCommand(func(t *tutti.Turn[board], c echo) error {
			t.Emit(wrote{"e"})
			t.Reply(strings.Repeat("x", c.N))
			return nil
		}),
		tutti.OnCommand(func(t *tutti.Turn[board], c put) error {
			if c.Text == "secret" {
				t.Emit(hidden(c))
			} else {
				t.Emit(wrote(c))
			}
			return nil
		}),
		tutti.OnEvent(func(b *board, e wrote) { b.Text += e.Text }),
		tutti.OnEvent(func(b *board, e hidden) {}),
		tutti.ViewEvent(func(e hidden, audience string) (any, bool) { return e, false }),
		tutti.Audience(func(c tutti.Claims) string { return c.Subject }),
		tutti.View(func(b *board, audience string) any { return audience + " sees " + b.Text }),
		tutti.Admit(func(c tutti.Claims, id string) error {
			if c.Subject == "eve" {
				return tutti.Reject("banned", "not you")
			}
			return nil
		}),
	)
}

func callable() node.Config {
	c := config()
	c.Categories = append(c.Categories, boards())
	return c
}

func TestCallAndView(t *testing.T) {
	n := start(t, callable())
	a := n.call(t, "tally/a", "ann", `{"name":"add","data":{"By":2}}`)
	is(t, a, 200, `{"rev":1,"reply":2}`+"\n")
	if a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers are %v", a.header)
	}
	is(t, n.call(t, "tally/a", "bob", "{\n \"name\" : \"add\",\n \"data\" : { \"By\" : 3 }, \"expect\": 1 }\n"), 200, `{"rev":2,"reply":5}`+"\n")
	is(t, n.call(t, "board/a", "bob", `{"name":"put","data":{"Text":"hi"}}`), 200, `{"rev":1}`+"\n")

	v := n.view(t, "tally/a", "ann")
	is(t, v, 200, `{"N":5}`)
	tag := v.header.Get("ETag")
	if !strings.HasSuffix(tag, `:2"`) || v.header.Get("Cache-Control") != "private, no-cache" ||
		v.header.Get("Content-Type") != "application/json" || v.header.Get("Content-Length") != "7" {
		t.Errorf("headers are %v", v.header)
	}
	for _, tags := range []string{tag, "W/" + tag, `"x:1", ` + tag, `*`} {
		if got := n.view(t, "tally/a", "ann", "If-None-Match", tags); got.status != 304 || got.body != "" || got.header.Get("ETag") != tag {
			t.Errorf("If-None-Match %s: %d %q %v", tags, got.status, got.body, got.header)
		}
	}
	is(t, n.view(t, "tally/a", "ann", "If-None-Match", `"x:1", junk, "junk", "`), 200, `{"N":5}`)
	n.call(t, "tally/a", "ann", `{"name":"add","data":{"By":1}}`)
	is(t, n.view(t, "tally/a", "ann", "If-None-Match", tag), 200, `{"N":6}`)
	is(t, n.view(t, "board/a", "ann"), 200, `"ann sees hi"`)
	if x, y := n.view(t, "board/a", "ann").header.Get("ETag"), n.view(t, "board/a", "bob").header.Get("ETag"); x == y {
		t.Error("two audiences have the same entity tag")
	}
	is(t, n.view(t, "tally/never", "ann"), 200, `{"N":0}`)
}

func TestCallsAreRefused(t *testing.T) {
	c := callable()
	c.Limits.CommandData, c.Limits.Frame = 1000, 2000
	n := start(t, c)
	for _, test := range []struct {
		body, code string
		status     int
	}{
		{`{"name":"reject","data":{"Code":"mine"}}`, "mine", 422},
		{`{"name":"reject","data":{"Code":"invalid"}}`, "invalid", 422},
		{`{"name":"reject","data":{"Code":"forbidden"}}`, "forbidden", 403},
		{`{"name":"reject","data":{"Code":"conflict"}}`, "conflict", 409},
		{`{"name":"reject","data":{"Code":"internal"}}`, "internal", 500},
		{`{"name":"reject","data":{"Code":"overloaded"}}`, "overloaded", 503},
		{`{"name":"reject","data":{"Code":"rate_limited"}}`, "rate_limited", 429},
		{`{"name":"nothing"}`, "unknown_command", 404},
		{`{"name":"put","data":{"Text":"x"},"expect":7}`, "conflict", 409},
		{`{"name":"put","data":"` + strings.Repeat("x", 1000) + `"}`, "too_large", 413},
		{`{"name":"put","data":"` + strings.Repeat("x", 3000) + `"}`, "too_large", 413},
		{``, "", 400},
		{`[]`, "", 400},
		{`{"data":1}`, "", 400},
		{`{"name":1}`, "", 400},
		{`{"name":"put","expect":-1}`, "", 400},
		{`{"name":"put"}{"name":"put"}`, "", 400},
		{"{\"name\":\"write\"}\n{\"name\":\"write\"}", "", 400},
		{`{"type":"query","name":"put"}`, "", 400},
		{"{\"name\":\"\xff\"}", "", 400},
	} {
		got := n.call(t, "board/a", "ann", test.body)
		refused(t, got, test.status, test.code)
		if again := got.header.Get("Retry-After"); (again != "") != (test.status == 429 || test.status == 503) {
			t.Errorf("%.80s: Retry-After is %q", test.body, again)
		}
	}
	refused(t, n.call(t, "board/a", "eve", `{"name":"put"}`), 403, "banned")
	refused(t, n.view(t, "board/a", "eve"), 403, "banned")
	refused(t, n.call(t, "board/a", "", `{"name":"put"}`), 401, "")
	refused(t, n.view(t, "board/a", ""), 401, "")
	refused(t, n.call(t, "none/a", "ann", `{"name":"put"}`), 404, "")
	refused(t, n.do(t, http.MethodGet, "/v1/board/a/commands", "ann", ""), 405, "")
	refused(t, n.do(t, http.MethodPut, "/v1/board/a/commands", "ann", "{}"), 405, "")
	for _, key := range []string{"", "a b", strings.Repeat("k", 65), "é"} {
		refused(t, n.call(t, "board/a", "ann", `{"name":"put"}`, "Idempotency-Key", key), 400, "")
	}
	is(t, n.view(t, "board/a", "ann"), 200, `"ann sees "`)
}

// Requests with one key have one answer and one effect, at the same time and after a restart.
func TestKeyedCalls(t *testing.T) {
	c := callable()
	c.Data = t.TempDir()
	n := start(t, c)
	const body = `{"name":"echo","data":{"N":200000}}`
	var wait sync.WaitGroup
	answers := make([]answer, 8)
	for i := range answers {
		wait.Go(func() { answers[i] = n.call(t, "board/a", "ann", body, "Idempotency-Key", strings.Repeat("~", 64)) })
	}
	wait.Wait()
	want := fmt.Sprintf(`{"rev":1,"reply":"%s"}`, strings.Repeat("x", 200_000)) + "\n"
	for i := range answers {
		is(t, answers[i], 200, want)
	}
	again := func() {
		t.Helper()
		is(t, n.call(t, "board/a", "ann", `{ "data": {"N":200000}, "name": "echo" }`, "Idempotency-Key", strings.Repeat("~", 64)), 200, want)
		refused(t, n.call(t, "board/a", "ann", `{"name":"echo","data":{"N":1}}`, "Idempotency-Key", strings.Repeat("~", 64)), 422, "key_reused")
		is(t, n.view(t, "board/a", "ann"), 200, `"ann sees e"`)
	}
	again()
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	n = start(t, c)
	again()
}
