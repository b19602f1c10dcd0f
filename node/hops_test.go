package node_test

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/node"
)

const (
	injected = 50 * time.Millisecond
	much     = 40 * time.Millisecond // at least that is seen where it was put
	little   = 15 * time.Millisecond // and at most that anywhere else
	measured = 7                     // commands for each injection
)

var hopNames = []string{"client_edge", "edge", "bus", "mailbox", "handler", "journal", "fanout", "edge_client"}

// hopBench is a node whose every hop can be made slow.
type hopBench struct {
	t       *testing.T
	node    *node.Node
	net     *network
	bus     *laggingBus
	journal *memjournal.Journal
	token   string
	client  *client.Client

	checking, handling, viewing atomic.Int64 // what a token, a command and a view take
}

func linger(d *atomic.Int64) { time.Sleep(time.Duration(d.Load())) }

// newHopBench starts a node in the test's bubble.
func newHopBench(t *testing.T) *hopBench {
	h := &hopBench{
		t: t, net: newNetwork(), journal: memjournal.New(), token: token(t, "ann", time.Hour),
		bus: &laggingBus{localbus.New(), newLag(), newLag()},
	}
	c := config()
	c.Categories = []*tutti.Category{tutti.NewCategory("tally",
		tutti.OnCommand(func(t *tutti.Turn[tally], c add) error {
			if c.By > 0 {
				linger(&h.handling)
			}
			t.Emit(added(c))
			return nil
		}),
		tutti.OnEvent(func(s *tally, e added) { s.N += e.By }),
		tutti.View(func(s *tally, _ string) int { linger(&h.viewing); return s.N }),
	)}
	c.Listener, c.Bus, c.Journal = h.net, h.bus, h.journal
	c.Auth.Now = func() time.Time { linger(&h.checking); return time.Now() }
	var lines sync.WaitGroup
	all := []*lag{h.net.up, h.net.down, h.bus.toOwner, h.bus.toEdge}
	for _, l := range all {
		lines.Go(l.run)
	}
	t.Cleanup(func() {
		h.net.relays.Wait()
		for _, l := range all {
			close(l.line)
		}
		lines.Wait()
	})
	h.node = start(t, c).Node
	h.client = h.connect()
	return h
}

func (h *hopBench) connect() *client.Client {
	h.t.Helper()
	c, err := client.Open(h.t.Context(), client.EntityURL("ws://node.test", "tally", "1"), client.Config{
		Token: h.token,
		HTTPClient: &http.Client{Transport: &http.Transport{
			DialContext: func(context.Context, string, string) (net.Conn, error) { return h.net.dial(), nil },
		}},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (h *hopBench) start(by int) *client.Call {
	h.t.Helper()
	p, err := h.client.Start(h.t.Context(), client.Command{Name: "add", Data: add{By: by}, Trace: true})
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

// once sends one command as do does, and returns what its client was told.
func (h *hopBench) once(do func() *client.Call) client.Latency {
	h.t.Helper()
	p := do()
	ack, err := p.Wait(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	synctest.Wait()
	return ack.Latency
}

func (h *hopBench) ping() client.Latency {
	h.t.Helper()
	l, err := h.client.Latency(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return l
}

// slow returns, for each hop, how many messages took much there, and fails the test when one took neither much nor little.
func (h *hopBench) slow() map[string]uint64 {
	h.t.Helper()
	families, err := h.node.Metrics().Gather()
	if err != nil {
		h.t.Fatal(err)
	}
	slow := make(map[string]uint64)
	for _, f := range families {
		if f.GetName() != "tutti_hop_seconds" {
			continue
		}
		for _, m := range f.GetMetric() {
			name, d := m.GetLabel()[0].GetValue(), m.GetHistogram()
			upTo := make(map[float64]uint64)
			for _, b := range d.GetBucket() {
				upTo[b.GetUpperBound()] = b.GetCumulativeCount()
			}
			if upTo[little.Seconds()] != upTo[much.Seconds()] {
				h.t.Errorf("hop %s: something took between %v and %v", name, little, much)
			}
			slow[name] = d.GetSampleCount() - upTo[much.Seconds()]
		}
	}
	if len(slow) != len(hopNames) {
		h.t.Errorf("histograms of hops are %v, want %v", slow, hopNames)
	}
	return slow
}

func hopsOf(l client.Latency) map[string]time.Duration {
	return map[string]time.Duration{
		"client_edge": l.ClientEdge, "edge": l.Edge, "bus": l.Bus, "mailbox": l.Mailbox, "handler": l.Handler,
		"journal": l.Journal, "fanout": l.Fanout, "edge_client": l.EdgeClient,
	}
}

// injection makes one hop slow.
type injection struct {
	hop  string // that is slow for the commands measured
	way  string
	do   func(h *hopBench) *client.Call // sends a command; nil: nothing special
	set  func(h *hopBench, d time.Duration)
	also map[string]uint64 // messages beside the commands that take long, by hop
}

func injections() []injection {
	return []injection{
		{hop: "client_edge", way: "network", set: func(h *hopBench, d time.Duration) { h.net.up.set(d) }},
		{hop: "edge", way: "a token before the command is checked", do: afterToken, set: func(h *hopBench, d time.Duration) { h.checking.Store(int64(d)) }},
		{hop: "bus", way: "bus to the owner", set: func(h *hopBench, d time.Duration) { h.bus.toOwner.set(d) }},
		{
			hop: "mailbox", way: "another command", do: afterCommand, also: map[string]uint64{"handler": measured},
			set: func(h *hopBench, d time.Duration) { h.handling.Store(int64(d)) },
		},
		{hop: "mailbox", way: "a newcomer's state", do: afterNewcomer, set: func(h *hopBench, d time.Duration) { h.viewing.Store(int64(d)) }},
		{
			hop: "handler", way: "sleep", do: func(h *hopBench) *client.Call { return h.start(1) },
			set: func(h *hopBench, d time.Duration) { h.handling.Store(int64(d)) },
		},
		{hop: "journal", way: "append", set: func(h *hopBench, d time.Duration) {
			h.journal.Inject(memjournal.Faults{Append: func(context.Context, journal.Partition, journal.Batch) memjournal.Fault {
				time.Sleep(d)
				return memjournal.Fault{}
			}})
		}},
		{hop: "fanout", way: "bus to the edge", set: func(h *hopBench, d time.Duration) { h.bus.toEdge.set(d) }},
		{hop: "edge_client", way: "network", set: func(h *hopBench, d time.Duration) { h.net.down.set(d) }},
	}
}

// afterToken sends a command behind a token, in the same message: while the writer waits for the first frame to be taken.
func afterToken(h *hopBench) *client.Call {
	letGo := h.net.hold()
	for range 2 { // the first is taken, the second holds up the writer
		if err := h.client.Signal("nothing", nil); err != nil {
			h.t.Fatal(err)
		}
		synctest.Wait()
	}
	if err := h.client.SetToken(h.token); err != nil {
		h.t.Fatal(err)
	}
	p := h.start(0)
	letGo()
	return p
}

// afterCommand sends a command while the entity takes one that is slow.
func afterCommand(h *hopBench) *client.Call {
	h.start(1)
	synctest.Wait()
	return h.start(0)
}

// afterNewcomer sends a command while the entity encodes its state for somebody else.
func afterNewcomer(h *hopBench) *client.Call {
	come := make(chan struct{})
	h.t.Cleanup(func() { <-come })
	go func() { defer close(come); h.connect() }()
	synctest.Wait()
	return h.start(0)
}

// TestInjectedDelayIsSeenInItsHopAlone puts 50 ms into one hop at a time. The test's clock stands still while anything is
// done, so that whatever is seen was put there.
func TestInjectedDelayIsSeenInItsHopAlone(t *testing.T) {
	for _, in := range injections() {
		t.Run(in.hop+"/"+in.way, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testInjection(t, in) })
		})
	}
}

func testInjection(t *testing.T, in injection) {
	h := newHopBench(t)
	if in.do == nil {
		in.do = func(h *hopBench) *client.Call { return h.start(0) }
	}
	for range 3 {
		h.ping()
		h.once(func() *client.Call { return h.start(0) })
	}
	before := h.slow()
	in.set(h, injected)
	seen := make(map[string][]time.Duration)
	for range measured {
		l := h.once(func() *client.Call { return in.do(h) })
		for name, d := range hopsOf(l) {
			seen[name] = append(seen[name], d)
		}
		if in.hop == "client_edge" || in.hop == "edge_client" {
			h.ping() // reports what the command took
		}
	}
	in.set(h, 0)
	for _, name := range hopNames {
		median := median(seen[name])
		if name == in.hop && median < much || name != in.hop && median > little {
			t.Errorf("50 ms in %s: the client is told of %v in %s", in.hop, median, name)
		}
	}
	for name, after := range h.slow() {
		want := in.also[name]
		if name == in.hop {
			want += measured
		}
		if got := after - before[name]; got < want || got > want && name != in.hop {
			t.Errorf("50 ms in %s: the histogram of %s counts %d that took long, want %d", in.hop, name, got, want)
		}
	}
}

func median[T cmp.Ordered](s []T) T {
	s = slices.Sorted(slices.Values(s))
	return s[len(s)/2]
}
