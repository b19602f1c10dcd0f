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
