package edge_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/online"
)

// withDirectory gives the edge a directory that service may ask.
func withDirectory(t *testing.T, change func(*edge.Config)) func(*edge.Config) {
	return func(c *edge.Config) {
		timing := online.Timing{Linger: time.Millisecond, Gather: time.Millisecond}
		b := localbus.New()
		d, err := online.NewDirectory(online.DirectoryConfig{Bus: b, Timing: timing})
		if err != nil {
			t.Fatal(err)
		}
		a, err := online.NewAgent(online.AgentConfig{Edge: "e", Bus: b, Timing: timing})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		var parts sync.WaitGroup
		parts.Go(func() { _ = d.Run(ctx) })
		parts.Go(func() { _ = a.Run(ctx) })
		t.Cleanup(func() { cancel(); parts.Wait() })
		c.Online = edge.Online{Agent: a, May: func(c tutti.Claims) bool { return c.Subject == "service" }}
		if change != nil {
			change(c)
		}
	}
}

// ask posts to /v1/online.
func (p *platform) ask(t *testing.T, token, accept, body string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/v1/online", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	answer, err := p.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

// onlooker is a stream that tells who is online.
type onlooker struct {
	t     *testing.T
	lines *bufio.Scanner
}

type onlineFrame struct {
	Type, Code string
	Snapshot   bool
	Reconnect  bool
	Online     []struct {
		Sub   string
		Since int64
	}
	Offline []string
}

func (p *platform) onlook(t *testing.T, token string, subs ...string) *onlooker {
	t.Helper()
	body, _ := json.Marshal(map[string]any{"subs": subs})
	answer := p.ask(t, token, "text/event-stream", string(body))
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("asked for a stream: %s", answer.Status)
	}
	return &onlooker{t, bufio.NewScanner(answer.Body)}
}

// next returns the next frame; false: the stream has ended. Comments count as frames without a type.
func (o *onlooker) next() (f onlineFrame, ok bool) {
	o.t.Helper()
	for o.lines.Scan() {
		switch line := o.lines.Text(); {
		case line == ":":
			return f, true
		case strings.HasPrefix(line, "data: "):
			if err := json.Unmarshal([]byte(line[6:]), &f); err != nil {
				o.t.Fatalf("frame %s: %v", line, err)
			}
			return f, true
		}
	}
	return f, false
}

func (o *onlooker) wants(text string) {
	o.t.Helper()
	f, _ := o.next()
	var got []string
	for _, s := range f.Online {
		got = append(got, "+"+s.Sub)
		if s.Since < 1_700_000_000_000 {
			o.t.Errorf("%s is online since %d", s.Sub, s.Since)
		}
	}
	for _, s := range f.Offline {
		got = append(got, "-"+s)
	}
	if got := fmt.Sprintf("%s %t %s", f.Type, f.Snapshot, strings.Join(got, " ")); got != text {
		o.t.Errorf("frame %q, want %q", got, text)
	}
}

func TestWhoIsOnline(t *testing.T) {
	p := start(t, withDirectory(t, nil))
	o := p.onlook(t, "service", "ann", "bob", "ann")
	o.wants("online true ")
	a := p.dial(t, "1", 1, "", "ann")
	o.wants("online false +ann")
	b := p.dial(t, "1", 2, "&watch=0", "ann")
	b.next() // the welcome
	answer := p.ask(t, "service", "", `{"subs":["bob","ann","cyd","ann"]}`)
	body, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != 200 || !strings.HasPrefix(string(body), `{"online":[{"sub":"ann","since":`) || strings.Count(string(body), "sub") != 1 {
		t.Errorf("who is online: %s %s", answer.Status, body)
	}
	_ = a.ws.CloseNow()
	p.dial(t, "1", 3, "", "bob")
	o.wants("online false +bob") // and ann has a link still
	_ = b.ws.CloseNow()
	o.wants("online false -ann")
	p.onlook(t, "service", "ann", "bob").wants("online true +bob")
	p.stop()
	if f, _ := o.next(); f.Type != "terminate" || f.Code != "draining" || !f.Reconnect {
		t.Errorf("at the end came %+v", f)
	}
	if f, ok := o.next(); ok {
		t.Errorf("after the end came %+v", f)
	}
}

func TestOnlineIsRefused(t *testing.T) {
	many := `{"subs":["` + strings.Join(slices.Repeat([]string{"x"}, 1001), `","`) + `"]}`
	p := start(t, withDirectory(t, func(c *edge.Config) { c.Limits.Frame, c.Limits.SubOnlookers = 8<<10, 1 }))
	p.onlook(t, "service", "ann")
	for _, c := range []struct {
		name, token, accept, body string
		status                    int
	}{
		{"no token", "bad", "", `{"subs":[]}`, 401},
		{"another claim", "ann", "", `{"subs":["ann"]}`, 403},
		{"nobody asked for", "service", "application/json", `{"subs":[]}`, 200},
		{"no body", "service", "", ``, 400},
		{"no subs", "service", "", `{}`, 400},
		{"no list", "service", "", `{"subs":"ann"}`, 400},
		{"no names", "service", "", `{"subs":[1]}`, 400},
		{"more than 1,000", "service", "", many, 400},
		{"too large", "service", "", `{"subs":["` + strings.Repeat("x", 9<<10) + `"]}`, 413},
		{"another type", "service", "text/html", `{"subs":["ann"]}`, 406},
		{"a second stream", "service", "text/event-stream", `{"subs":["ann"]}`, 429},
	} {
		if answer := p.ask(t, c.token, c.accept, c.body); answer.StatusCode != c.status {
			t.Errorf("%s: %s, want %d", c.name, answer.Status, c.status)
		}
	}
	full := start(t, withDirectory(t, func(c *edge.Config) { c.Limits.Onlookers = 1 }))
	full.onlook(t, "service", "ann")
	if answer := full.ask(t, "service", "text/event-stream", `{"subs":["ann"]}`); answer.StatusCode != 503 || answer.Header.Get("Retry-After") == "" {
		t.Errorf("one stream more than the node may have: %s, want 503 with Retry-After", answer.Status)
	}
	nobody := start(t, nil)
	if answer := nobody.ask(t, "service", "", `{"subs":["ann"]}`); answer.StatusCode != 403 {
		t.Errorf("without a directory: %s, want 403", answer.Status)
	}
}

func TestOnlookersEnd(t *testing.T) {
	p := start(t, withDirectory(t, func(c *edge.Config) { c.Timing.Heartbeat = 50 * time.Millisecond }))
	o := p.onlook(t, "service;;300ms", "ann")
	o.wants("online true ")
	beats := 0
	for {
		f, ok := o.next()
		if !ok {
			t.Fatal("the stream ended without a word")
		}
		if f.Type == "" {
			beats++
			continue
		}
		if f.Type != "terminate" || f.Code != "token_expired" || !f.Reconnect {
			t.Errorf("the stream ended with %+v", f)
		}
		break
	}
	if beats == 0 {
		t.Error("there was no heartbeat")
	}
}

// TestSlowOnlookerIsGivenUp has one that reads nothing while many come and go, which another one follows.
func TestSlowOnlookerIsGivenUp(t *testing.T) {
	var agent *online.Agent
	p := start(t, withDirectory(t, func(c *edge.Config) { c.Timing.Drained, agent = time.Second, c.Online.Agent }))
	subs := make([]string, 100)
	for i := range subs {
		subs[i] = fmt.Sprint(i, strings.Repeat("x", 5000))
	}
	p.onlook(t, "service", subs...)
	follows := p.onlook(t, "service", subs...)
	follows.lines.Buffer(nil, 1<<20)
	for turn := range 1000 {
		if p.edge.Stats().SlowConsumers > 0 {
			return
		}
		for _, name := range subs {
			if turn%2 == 0 {
				agent.Came(name)
			} else {
				agent.Gone(name)
			}
		}
		if _, ok := follows.next(); !ok {
			t.Fatal("the one that reads was given up")
		}
	}
	t.Error("the one that reads nothing was not given up")
}
