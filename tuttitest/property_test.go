package tuttitest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/node"
	"github.com/tutti-rt/tutti/tuttitest"
)

// Ledger notes tokens: its whole history is its state, so that nothing that is lost, repeated or out
// of order stays unseen.
type Ledger struct{ Tokens []string }

type (
	Put   struct{ Token string }
	Pass  struct{ Token, To string } // has another ledger note the token
	Later struct {
		Token string
		After int
	} // notes the token after so many milliseconds
	Spoil  struct{ Token string } // emits the token, then panics
	Refuse struct{ Token string }
	Hide   struct{ Token string } // notes the token where only the staff sees it
	Read   struct{}
	Noted  struct{ Token string }
	Passed struct{ Token string }
	Hidden struct{ Token string }
)

func newLedgers() *tutti.Category {
	return tutti.NewCategory("ledger",
		tutti.With(tutti.Options{SnapshotEvents: 3, BacklogEvents: 5, Idle: 2 * time.Second, Grace: 2 * time.Second}),
		tutti.OnCommand(func(t *tutti.Turn[Ledger], c Put) error {
			t.Emit(Noted(c))
			t.ReplyWith(func(l *Ledger) any { return len(l.Tokens) })
			return nil
		}),
		tutti.OnCommand(func(t *tutti.Turn[Ledger], c Pass) error {
			t.Tell(tutti.Entity{Category: "ledger", ID: c.To}, Put{c.Token + " passed"})
			t.Emit(Passed{c.Token})
			return nil
		}),
		tutti.OnCommand(func(t *tutti.Turn[Ledger], c Later) error {
			t.Schedule(c.Token, t.Now().Add(time.Duration(c.After)*time.Millisecond), Put{c.Token + " later"})
			return nil
		}),
		tutti.OnTimer(func(t *tutti.Turn[Ledger], p Put) error { t.Emit(Noted(p)); return nil }),
		tutti.OnCommand(func(t *tutti.Turn[Ledger], c Spoil) error { t.Emit(Noted(c)); panic("spoiled") }),
		tutti.OnCommand(func(t *tutti.Turn[Ledger], c Refuse) error {
			t.Emit(Noted(c))
			return tutti.Reject("refused", "")
		}),
		tutti.OnCommand(func(t *tutti.Turn[Ledger], c Hide) error { t.Emit(Hidden(c)); return nil }),
		tutti.OnConnect(func(t *tutti.Turn[Ledger]) error { t.Emit(Noted{came + t.Claims().Subject}); return nil }),
		tutti.OnDisconnect(func(t *tutti.Turn[Ledger]) error { t.Emit(Noted{left + t.Claims().Subject}); return nil }),
		tutti.OnQuery(func(t *tutti.Turn[Ledger], _ Read) ([]string, error) { return t.State().Tokens, nil }),
		tutti.OnEvent(func(l *Ledger, e Noted) { l.Tokens = append(l.Tokens, e.Token) }),
		tutti.OnEvent(func(l *Ledger, e Passed) { l.Tokens = append(l.Tokens, e.Token) }),
		tutti.OnEvent(func(l *Ledger, e Hidden) { l.Tokens = append(l.Tokens, e.Token) }),
		tutti.Audience(func(c tutti.Claims) string { return c.String("role") }),
		tutti.View(func(l *Ledger, audience string) any { return Ledger{visible(l.Tokens, audience)} }),
		tutti.ViewEvent(func(e Hidden, audience string) (any, bool) { return e, audience == "staff" }),
	)
}

const (
	came, left = "came ", "left " // tokens of connections
	hidden     = " hidden"        // how tokens end that only the staff sees
)

// visible returns those of the tokens that an audience sees.
func visible(tokens []string, audience string) []string {
	if audience == "staff" {
		return tokens
	}
	return slices.DeleteFunc(slices.Clone(tokens), func(token string) bool { return strings.HasSuffix(token, hidden) })
}

// step is one thing that happens to the platform.
type step struct {
	Do     string
	Client int
	N      int
}

func (s step) String() string { return fmt.Sprintf("%s %d %d", s.Do, s.Client, s.N) }

var steps = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
	return step{
		Do: rapid.SampledFrom([]string{
			"put", "put", "put", "put", "hide", "pass", "later", "spoil", "refuse",
			"drop", "offline", "online", "reopen", "connect",
			"crash", "restart", "stop", "hold", "release", "fail", "doubt", "doubt stored",
			"wait", "wait long",
		}).Draw(t, "do"),
		Client: rapid.IntRange(0, 3).Draw(t, "client"),
		N:      rapid.IntRange(0, 2).Draw(t, "n"),
	}
}), 1, 60)

// TestPlatformKeepsItsPromises lets anything happen to a platform, and compares in the end what its
// clients were told with what its journal has.
func TestPlatformKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := node.Config{
			Partitions: rapid.SampledFrom([]int{1, 16}).Draw(rt, "partitions"),
			Memory:     rapid.SampledFrom([]int64{1, 0}).Draw(rt, "memory"), // 1 byte: entities hardly stay
			Logger:     slog.New(slog.DiscardHandler),                       // all that fails does so on purpose
		}
		happens := steps.Draw(rt, "steps")
		f := &failing{}
		synctest.Test(t, func(t *testing.T) {
			f.TB = t
			defer func() {
				if r := recover(); r != nil && r != any(&f.recorder) {
					panic(r)
				}
			}()
			h := newHistory(f, c)
			for _, s := range happens {
				h.do(s)
			}
			h.check()
		})
		if len(f.failures) > 0 {
			rt.Fatalf("%s", strings.Join(f.failures, "\n"))
		}
	})
}

// history is a platform and everything that its clients were promised.
type history struct {
	t       *failing
	p       *tuttitest.Platform
	ledgers *tutti.Category
	clients []*watched
	sent    []sentToken
	faults  atomic.Pointer[memjournal.Fault] // of the next append
	release func()                           // of appends that are held; nil when there are none
}

// watched is one client.
type watched struct {
	*tuttitest.Client
	ledger   string
	name     string
	audience string
	tokens   []string   // the ledger as it sees it
	prefixes [][]string // and has seen it, each time
	reopened bool
}

// sentToken is one command.
type sentToken struct {
	*tuttitest.Sent
	by     *watched
	do     string
	token  string // as it is noted
	ledger string // where
	never  bool   // it must not be noted, whatever happens
}

func newHistory(t *failing, c node.Config) *history {
	h := &history{t: t, ledgers: newLedgers()}
	h.p = tuttitest.Config{Categories: []*tutti.Category{h.ledgers}, Node: c}.New(t)
	h.inject()
	for range 4 {
		h.connect()
	}
	return h
}

func (h *history) connect() {
	n := len(h.clients)
	c := &watched{ledger: fmt.Sprint(n % 3), name: fmt.Sprintf("c%d", n)}
	if n%2 == 1 {
		c.audience = "staff"
	}
	c.Client = h.p.Connect(h.ledgers, c.ledger, as(c.name), tuttitest.Claim("role", c.audience), tuttitest.WithPresence())
	h.clients = append(h.clients, c)
}

func (h *history) inject() {
	h.p.Inject(memjournal.Faults{Append: func(context.Context, journal.Partition, journal.Batch) memjournal.Fault {
		if f := h.faults.Swap(nil); f != nil {
			return *f
		}
		return memjournal.Fault{}
	}})
}

func (h *history) do(s step) {
	c := h.clients[s.Client%len(h.clients)]
	token := fmt.Sprintf("%s/%d", c.name, len(h.sent))
	switch s.Do {
	case "put":
		h.note(c, s.Do, Put{token}, token, c.ledger, false)
	case "hide":
		h.note(c, s.Do, Hide{token + hidden}, token+hidden, c.ledger, false)
	case "pass":
		to := fmt.Sprint(s.N)
		h.note(c, s.Do, Pass{token, to}, token+" passed", to, false)
	case "later":
		h.note(c, s.Do, Later{token, 500 * s.N}, token+" later", c.ledger, false)
	case "spoil":
		h.note(c, s.Do, Spoil{token}, token, c.ledger, true)
	case "refuse":
		h.note(c, s.Do, Refuse{token}, token, c.ledger, true)
	case "drop":
		c.Drop()
	case "offline":
		c.Offline()
	case "online":
		c.Online()
	case "reopen":
		if s.N == 0 {
			h.reopen(c)
		}
	case "connect":
		if len(h.clients) < 8 {
			h.settle()
			h.connect()
		}
	case "crash":
		h.p.Restart()
		h.inject()
	case "restart":
		h.p.Crash()
		h.p.Advance(time.Duration(s.N) * 700 * time.Millisecond)
		h.p.Start()
		h.inject()
	case "stop":
		h.settle()
		h.p.Stop()
		h.p.Start()
	case "hold":
		h.release = h.p.HoldAppends()
	case "release":
		h.settle()
	case "fail":
		h.faults.Store(&memjournal.Fault{Err: errors.New("disk on fire")})
	case "doubt":
		h.faults.Store(&memjournal.Fault{Err: journal.ErrUnknown})
	case "doubt stored":
		h.faults.Store(&memjournal.Fault{Err: journal.ErrUnknown, Stored: true})
	case "wait":
		h.p.Advance(time.Duration(s.N) * 50 * time.Millisecond)
	case "wait long":
		h.p.Advance(time.Duration(1+s.N) * 1500 * time.Millisecond)
	}
}

func (h *history) note(c *watched, do string, command any, token, ledger string, never bool) {
	h.sent = append(h.sent, sentToken{c.Send(command), c, do, token, ledger, never})
}

// settle lets the disk work again.
func (h *history) settle() {
	if h.release != nil {
		h.release()
		h.release = nil
	}
	h.inject()
}

// reopen has a program start again, which does not know any more what it had sent.
func (h *history) reopen(c *watched) {
	h.settle()
	c.Online()
	c.look(h.t)
	c.Reopen()
	c.reopened = true
}

// look folds what the client has seen since it was last opened.
func (c *watched) look(t *failing) {
	tokens := slices.Clone(c.tokens)
	for _, seen := range c.Seen() {
		if seen.Name != "" {
			var e Noted
			decode(t, seen.Data, &e)
			tokens = append(tokens, e.Token)
			c.prefixes = append(c.prefixes, slices.Clone(tokens))
			continue
		}
		var l Ledger
		decode(t, seen.Data, &l)
		tokens = l.Tokens
		c.prefixes = append(c.prefixes, slices.Clone(tokens))
	}
	c.tokens = tokens
}

func decode(t *failing, data string, into any) {
	if err := json.Unmarshal([]byte(data), into); err != nil {
		t.Fatalf("decode %s: %v", data, err)
	}
}

// check compares, once everything has come to rest.
func (h *history) check() {
	h.faults.Store(nil)
	h.settle()
	for _, c := range h.clients {
		c.Online()
	}
	for _, s := range h.sent {
		_ = s.Err() // waits for the outcome
	}
	h.p.Advance(10 * time.Second) // beyond every timer
	tokens := make(map[string][]string)
	for i := range 3 {
		id := fmt.Sprint(i)
		for _, stored := range h.p.Events(h.ledgers, id) {
			var e Noted
			decode(h.t, stored.Data, &e)
			tokens[id] = append(tokens[id], e.Token)
		}
		h.p.StoredState(h.ledgers, id, Ledger{tokens[id]})
	}
	for _, s := range h.sent {
		h.checkSent(s, tokens)
	}
	for _, c := range h.clients {
		c.Ask(Read{}).Answered(tokens[c.ledger])
		c.look(h.t)
		h.checkClient(c, visible(tokens[c.ledger], c.audience))
		h.checkComing(c, tokens[c.ledger])
		c.SeesHere(h.at(c.ledger)...)
	}
	h.p.Restart()
	for _, c := range h.clients {
		c.Ask(Read{}).Answered(tokens[c.ledger])
	}
}

// checkSent compares the outcome of a command with what was stored.
func (h *history) checkSent(s sentToken, tokens map[string][]string) {
	noted := count(tokens[s.ledger], s.token)
	err := s.Err()
	rejected, isRejected := errors.AsType[*client.Rejected](err)
	switch {
	case s.never && noted > 0:
		h.t.Errorf("%s %s was noted", s.do, s.token)
	case err == nil && noted != 1:
		h.t.Errorf("%s %s was acknowledged and noted %d times", s.do, s.token, noted)
	case err == nil && s.do == "put":
		s.Replied(slices.Index(tokens[s.ledger], s.token) + 1)
	case isRejected && noted > 0:
		h.t.Errorf("%s %s was rejected with %s and noted %d times", s.do, s.token, rejected.Code, noted)
	case isRejected && !s.mayReject(rejected.Code):
		h.t.Errorf("%s %s was rejected: %v", s.do, s.token, rejected)
	case err != nil && !isRejected && !s.by.reopened:
		h.t.Errorf("%s %s: %v", s.do, s.token, err)
	case noted > 1:
		h.t.Errorf("%s %s was noted %d times", s.do, s.token, noted)
	}
	if s.do == "pass" {
		if passed := count(tokens[s.by.ledger], strings.TrimSuffix(s.token, " passed")); passed != noted {
			h.t.Errorf("%s was passed %d times and noted %d times", s.token, passed, noted)
		}
	}
}

// mayReject reports whether the command may be rejected with that code.
func (s sentToken) mayReject(code string) bool {
	switch code {
	case "refused":
		return s.do == "refuse"
	case "internal":
		return s.do == "spoil"
	case "forgotten", "unavailable":
		return true
	}
	return false
}

// checkClient compares what a client has seen with what was stored.
func (h *history) checkClient(c *watched, tokens []string) {
	for _, p := range c.prefixes {
		if len(p) > len(tokens) || !slices.Equal(p, tokens[:len(p)]) {
			h.t.Errorf("%s has seen %q\nstored   %q", c.name, p, tokens)
			return
		}
	}
	if !slices.Equal(c.tokens, tokens) {
		h.t.Errorf("%s sees %q\nstored %q", c.name, c.tokens, tokens)
	}
	var mine []string // what it put itself, in the order in which it was sent
	for _, s := range h.sent {
		if s.by == c && s.do == "put" && count(tokens, s.token) > 0 {
			mine = append(mine, s.token)
		}
	}
	var stored []string
	for _, token := range tokens {
		if slices.Contains(mine, token) {
			stored = append(stored, token)
		}
	}
	if !slices.Equal(mine, stored) {
		h.t.Errorf("%s sent %q\nstored %q", c.name, mine, stored)
	}
}

// checkComing expects that a client came, left, came and so on, and is here now.
func (h *history) checkComing(c *watched, tokens []string) {
	here := false
	for _, token := range tokens {
		switch token {
		case came + c.name, left + c.name:
			if is := strings.HasPrefix(token, came); is == here {
				h.t.Errorf("%s twice in %q", token, tokens)
				return
			} else {
				here = is
			}
		}
	}
	if !here {
		h.t.Errorf("%s is not here in %q", c.name, tokens)
	}
}

// at returns the clients at a ledger, all of which are here in the end.
func (h *history) at(ledger string) []*tuttitest.Client {
	var here []*tuttitest.Client
	for _, c := range h.clients {
		if c.ledger == ledger {
			here = append(here, c.Client)
		}
	}
	return here
}

func count(tokens []string, token string) int {
	n := 0
	for _, t := range tokens {
		if t == token {
			n++
		}
	}
	return n
}
