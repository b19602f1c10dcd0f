package tuttitest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing/synctest"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/internal/turn"
)

// preface begins a failure.
func (c *Client) preface() string {
	s := fmt.Sprintf("%s at %s/%s", c.who, c.category.Name, c.id)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		s += fmt.Sprintf(" (ended: %v)", c.ended)
	} else if st := c.conn.Status(); st.Phase != client.Online {
		s += fmt.Sprintf(" (%v: %v)", st.Phase, st.Err)
	}
	return s
}

// Sees expects that the next events that the client sees are these, in order: values of types that
// have an OnEvent, or [Raw] ones.
func (c *Client) Sees(events ...any) {
	c.p.t.Helper()
	want := make([]string, len(events))
	for i, e := range events {
		name, data := c.encode(turn.RoleEvent, e)
		want[i] = eventLine(name, data)
	}
	c.next("events", want, &c.stream)
}

// SeesState expects that the next that the client sees is the state as its audience views it: v, or
// anything that has the same JSON. The first thing that a client sees is the state.
func (c *Client) SeesState(v any) {
	c.p.t.Helper()
	got, ok := c.await(1, &c.stream)
	if !ok || !strings.HasPrefix(got[0], stateMark) {
		c.p.t.Errorf("%s: want a state\ngot  %s", c.preface(), listed(got))
		return
	}
	if d := diffJSON(c.json(v), []byte(strings.TrimPrefix(got[0], stateMark))); d != "" {
		c.p.t.Errorf("%s: state (-want +got):\n%s", c.preface(), d)
	}
}

// Seen returns what the client has seen and no expectation has taken, in order. A state has no Name.
func (c *Client) Seen() []Raw {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := make([]Raw, len(c.stream))
	for i, line := range c.stream {
		name, data, _ := strings.Cut(line, " ")
		seen[i] = Raw{name, data}
		if strings.HasPrefix(line, stateMark) {
			seen[i].Name = ""
		}
	}
	return seen
}

// SeesNothing expects that the client sees neither event nor state beyond what was expected.
func (c *Client) SeesNothing() {
	c.p.t.Helper()
	c.nothing("events", &c.stream)
}

// Hears expects that the next messages that the client gets are these, in order: values whose type
// makes the name, or [Raw] ones.
func (c *Client) Hears(messages ...any) {
	c.p.t.Helper()
	want := make([]string, len(messages))
	for i, m := range messages {
		name, data := c.encode(turn.RoleMessage, m)
		want[i] = eventLine(name, data)
	}
	c.next("messages", want, &c.messages)
}

// HearsNothing expects that the client gets no message beyond those that were expected.
func (c *Client) HearsNothing() {
	c.p.t.Helper()
	c.nothing("messages", &c.messages)
}

// SeesHere expects that these are at the entity, and nobody else, by what the client was told of
// presence. It has connected with [WithPresence].
func (c *Client) SeesHere(clients ...*Client) {
	c.p.t.Helper()
	var want []string
	for _, o := range clients {
		want = append(want, o.Member()+" ("+o.who+")")
	}
	slices.Sort(want)
	names := make(map[string]string)
	for _, o := range c.p.allClients() {
		names[o.Member()] = o.who
	}
	var got []string
	if !c.p.settle(func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		got = got[:0]
		for m := range c.here {
			got = append(got, m+" ("+names[m]+")")
		}
		slices.Sort(got)
		return slices.Equal(got, want)
	}) {
		c.p.t.Errorf("%s: members (-want +got):\n%s", c.preface(), diff(want, got))
	}
}

// Ends expects that the platform ends the connection for good, with this code of a terminate frame.
func (c *Client) Ends(code string) {
	c.p.t.Helper()
	ended := c.p.settle(func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.over
	})
	c.mu.Lock()
	err := c.ended
	c.mu.Unlock()
	if !ended || endCode(err) != code {
		c.p.t.Errorf("%s: want its end with %s", c.preface(), code)
	}
}

// next compares the next lines of a queue and takes them.
func (c *Client) next(what string, want []string, queue *[]string) {
	c.p.t.Helper()
	got, _ := c.await(len(want), queue)
	if d := diff(want, got); d != "" {
		c.p.t.Errorf("%s: %s (-want +got):\n%s", c.preface(), what, d)
	}
}

// await takes n lines of a queue, or as many as come.
func (c *Client) await(n int, queue *[]string) ([]string, bool) {
	ok := c.p.settle(func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(*queue) >= n || c.over
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	n = min(n, len(*queue))
	got := slices.Clone((*queue)[:n])
	*queue = (*queue)[n:]
	return got, ok && n > 0
}

func (c *Client) nothing(what string, queue *[]string) {
	c.p.t.Helper()
	c.p.Advance(quiet)
	c.mu.Lock()
	got := *queue
	c.mu.Unlock()
	if len(got) > 0 {
		c.p.t.Errorf("%s: want no further %s\ngot  %s", c.preface(), what, listed(got))
	}
}

func (c *Client) json(v any) []byte {
	c.p.t.Helper()
	if raw, ok := v.(Raw); ok {
		return []byte(raw.Data)
	}
	data, err := json.Marshal(v)
	if err != nil {
		c.p.t.Fatalf("%v", err)
	}
	return data
}

func (p *Platform) allClients() []*Client {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.clients)
}

func listed(lines []string) string {
	if len(lines) == 0 {
		return "nothing"
	}
	return strings.Join(lines, "\n     ")
}
