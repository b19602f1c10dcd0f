package state_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// tape is the state of the model's entities: the tokens of their events, in order.
type tape struct{ Tokens []string }

// What the handlers make of a token.
type (
	put     struct{ Token, To string } // one event
	twice   put                        // two events
	deny    put                        // one event, or a rejection, as the state is
	silent  put                        // neither event nor rejection
	crash   put                        // the handler panics
	delay   put                        // a timer, which puts the token
	relay   put                        // another entity is told to put the token
	alarm   struct{ Token string }
	putted  struct{ Token string }
	readAll struct{}
)

func tapes(members bool, options tutti.Options) *tutti.Category {
	all := []tutti.Declaration{
		tutti.OnCommand(func(t *tutti.Turn[tape], c put) error {
			t.Emit(putted{c.Token})
			t.ReplyWith(func(s *tape) any { return len(s.Tokens) })
			return nil
		}),
		tutti.OnCommand(func(t *tutti.Turn[tape], c twice) error {
			t.Emit(putted{c.Token})
			t.Emit(putted{c.Token + "+"})
			return nil
		}),
		tutti.OnCommand(func(t *tutti.Turn[tape], c deny) error {
			if len(t.State().Tokens)%3 > 0 {
				return tutti.Reject("no", c.Token)
			}
			t.Emit(putted{c.Token})
			return nil
		}),
		tutti.OnCommand(func(t *tutti.Turn[tape], c silent) error { return nil }),
		tutti.OnCommand(func(t *tutti.Turn[tape], c crash) error { t.Emit(putted{c.Token}); panic("planned") }),
		tutti.OnCommand(func(t *tutti.Turn[tape], c delay) error {
			t.Schedule(c.Token, t.Now().Add(time.Second), alarm{c.Token})
			return nil
		}),
		tutti.OnCommand(func(t *tutti.Turn[tape], c relay) error {
			t.Tell(tutti.Entity{Category: "tape", ID: c.To}, put{Token: c.Token})
			return nil
		}),
		tutti.OnTimer(func(t *tutti.Turn[tape], a alarm) error { t.Emit(putted(a)); return nil }),
		tutti.OnQuery(func(t *tutti.Turn[tape], q readAll) (tape, error) { return *t.State(), nil }),
		tutti.OnEvent(func(s *tape, e putted) { s.Tokens = append(s.Tokens, e.Token) }),
		tutti.With(options),
	}
	if members {
		all = append(all,
			tutti.OnConnect(func(t *tutti.Turn[tape]) error { t.Emit(putted{"came " + t.Member()}); return nil }),
			tutti.OnDisconnect(func(t *tutti.Turn[tape]) error { t.Emit(putted{"gone " + t.Member()}); return nil }))
	}
	return tutti.NewCategory("tape", all...)
}

var putKinds = []string{"put", "put", "put", "twice", "deny", "silent", "crash", "delay", "relay"}

// tokensOf are the tokens that a command puts into its own entity, in its own turn.
func tokensOf(kind, token string) []string {
	switch kind {
	case "put", "deny":
		return []string{token}
	case "twice":
		return []string{token, token + "+"}
	}
	return nil
}

// step is one thing that a plan does.
type step struct {
	what   string
	client int
	kind   string
	ms     int
	cursor bool
	early  bool // commands are sent again before the welcome has come
}

type plan struct {
	members   bool
	tight     bool // memory
	snapshots int
	steps     []step
}

const modelEntities, modelConns = 2, 3

func drawPlan(t *rapid.T) plan {
	p := plan{
		members:   rapid.Bool().Draw(t, "members"),
		tight:     rapid.Bool().Draw(t, "tight"),
		snapshots: rapid.IntRange(1, 6).Draw(t, "snapshots"),
	}
	whats := []string{
		"send", "send", "send", "send", "send", "send", "attach", "attach", "detach", "leave", "query", "rest", "sleep",
		"again", "restart", "crash", "fenced", "unknown", "unknown stored", "broken", "slow", "unread", "lose", "refresh",
	}
	n := rapid.IntRange(1, 60).Draw(t, "n")
	for range n {
		p.steps = append(p.steps, step{
			what:   rapid.SampledFrom(whats).Draw(t, "what"),
			client: rapid.IntRange(0, modelEntities*modelConns-1).Draw(t, "client"),
			kind:   rapid.SampledFrom(putKinds).Draw(t, "kind"),
			ms:     rapid.SampledFrom([]int{0, 1, 30, 600, 1500, 12_000}).Draw(t, "ms"),
			cursor: rapid.Bool().Draw(t, "cursor"),
			early:  rapid.Bool().Draw(t, "early"),
		})
	}
	return p
}

// TestModel runs plans of commands, resends, detaching and attaching, restarts, crashes, faults of the journal,
// passivation and snapshots, and checks what clients were told against the journal read by itself.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := drawPlan(rt)
		var mistakes []string
		synctest.Test(t, func(t *testing.T) {
			m := newModel(t, p)
			m.run()
			mistakes = m.mistakes
		})
		if len(mistakes) > 0 {
			rt.Fatalf("%d mistakes, the first: %s", len(mistakes), strings.Join(mistakes[:min(5, len(mistakes))], "\n"))
		}
	})
}

// model is a node, an edge and clients.
type model struct {
	t       *testing.T
	plan    plan
	journal *memjournal.Journal
	node    *modelNode
	clients []*client

	mu     sync.Mutex // guards what follows, and what clients got
	faults []memjournal.Fault
	slow   time.Duration
	unread bool
	next   uint64 // link

	acked    map[string]uint64 // by entity: the highest revision that anybody was told
	mistakes []string
}

// modelNode is a state node with a bus of its own, so that another may take over from it unheard.
type modelNode struct {
	bus  *localbus.Bus
	stop context.CancelFunc
	done chan error
	mute func()
}

func newModel(t *testing.T, p plan) *model {
	m := &model{t: t, plan: p, journal: memjournal.New(), acked: make(map[string]uint64)}
	for i := range modelEntities * modelConns {
		m.clients = append(m.clients, &client{
			m: m, id: fmt.Sprint(i % modelEntities), conn: fmt.Sprintf("connection-%06d", i/modelEntities),
			sent: make(map[uint64]*sent), seen: make(map[uint64]string),
		})
	}
	m.journal.Inject(memjournal.Faults{Append: m.appending, Entity: m.reading})
	return m
}

func (m *model) mistake(format string, args ...any) {
	m.mistakes = append(m.mistakes, fmt.Sprintf(format, args...))
}

func (m *model) appending(context.Context, journal.Partition, journal.Batch) memjournal.Fault {
	m.mu.Lock()
	slow := m.slow
	var f memjournal.Fault
	if len(m.faults) > 0 {
		f, m.faults = m.faults[0], m.faults[1:]
	}
	m.mu.Unlock()
	time.Sleep(slow)
	return f
}

func (m *model) reading(context.Context, journal.Entity) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.unread {
		return errors.New("cannot be read just now")
	}
	return nil
}

func (m *model) start() {
	c := state.Config{
		Journal: m.journal, Bus: localbus.New(), Partitions: 2, Logger: slog.New(slog.DiscardHandler),
		Categories: []*tutti.Category{tapes(m.plan.members, tutti.Options{SnapshotEvents: m.plan.snapshots})},
	}
	if m.plan.tight {
		c.MemoryBudget = 1
	}
	n := &modelNode{bus: c.Bus.(*localbus.Bus), done: make(chan error, 1)}
	var err error
	if n.mute, err = n.bus.Listen(bus.Edge(edgeName), m.take); err != nil {
		m.t.Fatal(err)
	}
	node, err := state.New(c)
	if err != nil {
		m.t.Fatal(err)
	}
	var ctx context.Context
	ctx, n.stop = context.WithCancel(m.t.Context())
	go func() { n.done <- node.Run(ctx) }()
	<-node.Ready()
	m.node = n
}

func (m *model) end(n *modelNode) {
	n.stop()
	if err := <-n.done; err != nil {
		m.mistake("Run = %v", err)
	}
	n.mute()
}

// dropLinks forgets the edge's links.
func (m *model) dropLinks() {
	m.pump()
	for _, c := range m.clients {
		c.drop()
	}
}

func (m *model) run() {
	m.start()
	for _, s := range m.plan.steps {
		m.do(s)
		m.pump()
	}
	m.settle()
	m.end(m.node)
	m.check()
}

func (m *model) do(s step) {
	c := m.clients[s.client]
	fault := func(f memjournal.Fault) {
		m.mu.Lock()
		m.faults = append(m.faults, f)
		m.mu.Unlock()
	}
	switch s.what {
	case "send":
		c.command(s.kind)
	case "query":
		c.query()
	case "attach":
		c.attach(s.cursor, s.early)
	case "detach":
		c.detach(0)
	case "leave":
		c.detach(wire.Leave)
	case "refresh":
		c.pass(&wire.Envelope{Kind: wire.KindRefresh})
	case "again":
		c.resend()
	case "lose":
		c.number++ // an envelope that does not arrive
	case "rest":
		synctest.Wait()
	case "sleep":
		time.Sleep(time.Duration(s.ms) * time.Millisecond)
	case "restart":
		m.end(m.node)
		m.dropLinks()
		m.start()
	case "crash":
		old := m.node
		old.mute() // what it still says is not heard
		m.dropLinks()
		m.start()
		m.end(old)
	case "fenced":
		fault(memjournal.Fault{Err: journal.ErrFenced})
	case "unknown":
		fault(memjournal.Fault{Err: journal.ErrUnknown})
	case "unknown stored":
		fault(memjournal.Fault{Err: journal.ErrUnknown, Stored: true})
	case "broken":
		fault(memjournal.Fault{Err: errors.New("disk on fire")})
	case "slow":
		m.mu.Lock()
		m.slow = time.Duration(s.ms) * time.Millisecond
		m.mu.Unlock()
	case "unread":
		m.mu.Lock()
		m.unread = !m.unread
		m.mu.Unlock()
	}
}

// settle ends all faults, lets every client have its answers, and everything due be done.
func (m *model) settle() {
	m.mu.Lock()
	m.faults, m.slow, m.unread = nil, 0, false
	m.mu.Unlock()
	for range 4 {
		time.Sleep(30 * time.Second)
		synctest.Wait()
		m.pump()
		for _, c := range m.clients {
			if c.link == 0 || len(c.waiting()) > 0 {
				c.detach(0)
				c.attach(true, false)
			}
		}
		synctest.Wait()
		m.pump()
	}
	for _, c := range m.clients {
		if ids := c.waiting(); len(ids) > 0 {
			m.mistake("%s has no answers to %v", c, ids)
		}
		c.detach(wire.Leave)
	}
	time.Sleep(time.Minute)
	synctest.Wait()
	for _, c := range m.clients[:modelEntities] {
		c.attach(false, false)
		synctest.Wait()
		m.pump()
		c.detach(wire.Leave)
	}
	synctest.Wait()
}

// pump lets the clients take what has come, until nothing does any more.
func (m *model) pump() {
	for more := true; more; {
		more = false
		for _, c := range m.clients {
			m.mu.Lock()
			got := c.got
			c.got = nil
			m.mu.Unlock()
			for _, e := range got {
				more = true
				c.take(e)
			}
		}
	}
}

// take is the edge: it hands an envelope to the link or to all links of the entity.
func (m *model) take(e *wire.Envelope) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.clients {
		if e.Link != 0 && c.link == e.Link || e.Link == 0 && c.link != 0 && e.ID == c.id {
			c.got = append(c.got, e)
		}
	}
}
