package state_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// world is a state node and an edge driven by hand, in a synctest bubble.
type world struct {
	t          *testing.T
	bus        bus.Bus
	journal    *memjournal.Journal
	categories []*tutti.Category
	config     state.Config
	logs       *logs

	node *state.Node
	stop context.CancelFunc
	done chan error

	mu    sync.Mutex
	links map[uint64]*testLink
	next  uint64

	answers answers
}

// logs keeps what was logged.
type logs struct {
	mu    sync.Mutex
	lines []string
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(p))
	return len(p), nil
}

func (l *logs) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprint(l.lines)
}

const edgeName = "e1"

// inWorld runs a test in a bubble with a node that serves the categories.
func inWorld(t *testing.T, c state.Config, test func(t *testing.T, w *world), categories ...*tutti.Category) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			t: t, bus: localbus.New(), journal: memjournal.New(), categories: categories, config: c,
			links: make(map[uint64]*testLink), logs: &logs{},
		}
		stop, err := w.bus.Listen(bus.Edge(edgeName), w.take)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		w.start()
		test(t, w)
		w.shutdown()
	})
}

func (w *world) start() {
	w.t.Helper()
	c := w.config
	c.Categories, c.Journal, c.Bus = w.categories, w.journal, w.bus
	c.Partitions = 4
	c.Logger = slog.New(slog.NewTextHandler(w.logs, nil))
	node, err := state.New(c)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(w.t.Context())
	w.node, w.stop, w.done = node, stop, make(chan error, 1)
	go func() { w.done <- node.Run(ctx) }()
	<-node.Ready()
}

func (w *world) shutdown() {
	w.t.Helper()
	w.stop()
	if err := <-w.done; err != nil {
		w.t.Errorf("Run = %v, want nil", err)
	}
}

// restart ends the node and begins another on the same journal; links are gone.
func (w *world) restart() {
	w.t.Helper()
	w.shutdown()
	w.mu.Lock()
	clear(w.links)
	w.mu.Unlock()
	w.start()
}

func (w *world) take(e *wire.Envelope) {
	if e.Kind == wire.KindResult || e.Kind == wire.KindSight {
		w.answers.take(e)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Link != 0 {
		if l := w.links[e.Link]; l != nil {
			l.got = append(l.got, e)
		}
		return
	}
	for _, l := range w.links {
		if l.category == e.Category && l.id == e.ID && l.watch && (l.conn == "" || l.member() != e.Except) {
			l.got = append(l.got, e)
		}
	}
}

// testLink is one link of the hand-driven edge.
type testLink struct {
	w            *world
	category, id string
	conn         string
	number       uint64
	sent         uint64
	watch        bool
	got          []*wire.Envelope
	welcomed     string
}

func (l *testLink) member() string {
	if l.welcomed != "" {
		return l.welcomed
	}
	for _, e := range l.got {
		if e.Kind == wire.KindWelcome {
			return e.Member
		}
	}
	return ""
}

// attach brings a link of sub to the entity.
func (w *world) attach(category, id, sub, conn string, options ...func(*wire.Envelope)) *testLink {
	w.t.Helper()
	claims, err := json.Marshal(tutti.Claims{Subject: sub})
	if err != nil {
		w.t.Fatal(err)
	}
	e := &wire.Envelope{Kind: wire.KindAttach, Flags: wire.Watch, Conn: conn, Claims: claims}
	for _, o := range options {
		o(e)
	}
	w.mu.Lock()
	w.next++
	l := &testLink{w: w, category: category, id: id, conn: conn, number: w.next, watch: e.Has(wire.Watch)}
	w.links[l.number] = l
	if e.Has(wire.Reattach) {
		l.welcomed = "before" // and so has a place among those who are sent events
	}
	w.mu.Unlock()
	l.send(e)
	return l
}

func cursor(epoch string, revision uint64) func(*wire.Envelope) {
	return func(e *wire.Envelope) {
		e.Flags |= wire.HasCursor
		e.Epoch, e.Revision = epoch, revision
	}
}

func claims(c tutti.Claims) func(*wire.Envelope) {
	return func(e *wire.Envelope) { e.Claims, _ = json.Marshal(c) }
}

func noWatch(e *wire.Envelope) { e.Flags &^= wire.Watch }

func withPresence(e *wire.Envelope) { e.Flags |= wire.Presence }

func (l *testLink) send(e *wire.Envelope) {
	l.w.t.Helper()
	l.sent++
	l.pass(e, l.sent)
}

// pass sends an envelope with a number of the test's choice.
func (l *testLink) pass(e *wire.Envelope, number uint64) {
	l.w.t.Helper()
	if e.Edge == "" {
		e.Edge = edgeName
	}
	e.Category, e.ID, e.Link, e.Number = l.category, l.id, l.number, number
	e.Sent = time.Now().UnixMicro()
	if e.Conn == "" {
		e.Conn = l.conn
	}
	if err := l.w.bus.Send("default", bus.Owner("default", wire.Partition(l.category, l.id, 4)), e); err != nil {
		l.w.t.Fatalf("send: %v", err)
	}
}

func (l *testLink) command(id uint64, name, data string) {
	l.w.t.Helper()
	l.send(&wire.Envelope{Kind: wire.KindCommand, Command: id, Name: name, Data: []byte(data)})
}

func (l *testLink) query(id uint64, name, data string) {
	l.w.t.Helper()
	l.send(&wire.Envelope{Kind: wire.KindQuery, Command: id, Name: name, Data: []byte(data)})
}

func (l *testLink) detach(flags wire.Flags) {
	l.w.t.Helper()
	l.send(&wire.Envelope{Kind: wire.KindDetach, Flags: flags})
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	delete(l.w.links, l.number)
}

// frames waits until nothing happens any more, then returns what came since the last call as the client
// would see it.
func (l *testLink) frames() []string {
	l.w.t.Helper()
	synctest.Wait()
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	var out []string
	for _, e := range l.got {
		out = append(out, brief(e))
		if e.Kind == wire.KindWelcome {
			l.welcomed = e.Member
		}
	}
	l.got = nil
	return out
}

// welcome returns the welcome that came, and forgets everything up to it.
func (l *testLink) welcome() *wire.Envelope {
	l.w.t.Helper()
	synctest.Wait()
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	for i, e := range l.got {
		if e.Kind == wire.KindWelcome {
			l.welcomed = e.Member
			l.got = l.got[i+1:]
			return e
		}
	}
	l.w.t.Fatalf("link %d was not welcomed: %d envelopes", l.number, len(l.got))
	return nil
}

// brief is an envelope in a few words, without what differs from run to run.
func brief(e *wire.Envelope) string {
	switch e.Kind {
	case wire.KindWelcome:
		if e.Has(wire.Resumed) {
			return fmt.Sprintf("resumed %d until %d acked %d", e.Revision, e.Until, e.Acked)
		}
		return fmt.Sprintf("welcome %d %s acked %d", e.Revision, e.Data, e.Acked)
	case wire.KindEvent:
		s := fmt.Sprintf("event %d %s %s", e.Revision, e.Name, e.Data)
		if e.Has(wire.HasPrev) {
			s += fmt.Sprintf(" prev %d", e.Prev)
		}
		return s
	case wire.KindAck:
		return fmt.Sprintf("ack %d at %d %s", e.Command, e.Revision, e.Data)
	case wire.KindReject:
		return fmt.Sprintf("reject %d %s", e.Command, e.Code)
	case wire.KindAnswer:
		return fmt.Sprintf("answer %d at %d %s", e.Command, e.Revision, e.Data)
	case wire.KindMessage:
		return fmt.Sprintf("message %s %s", e.Name, e.Data)
	case wire.KindPresenceChange:
		return "presence"
	case wire.KindPong:
		return "pong"
	case wire.KindExpires:
		return fmt.Sprintf("expires %s", e.Claims)
	case wire.KindTerminate:
		return fmt.Sprintf("terminate %s", e.Code)
	case wire.KindBacklogPart:
		s := "backlog"
		for ev, err := range wire.DecodeBacklog(e.Data) {
			if err != nil {
				return err.Error()
			}
			s += fmt.Sprintf(" %d:%s%s", ev.Revision, ev.Name, ev.Data)
			if ev.Has(wire.HasPrev) {
				s += fmt.Sprintf("(prev %d)", ev.Prev)
			}
		}
		return s + fmt.Sprintf(" up to %d far %t more %t", e.Revision, e.Has(wire.TooFar), e.Has(wire.More))
	}
	return fmt.Sprintf("kind %d", e.Kind)
}
