package tuttitest

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/node"
)

// Platform is the whole platform in one process: a node with edge, state node and a journal in
// memory, and a network between it and its clients. It lives in a bubble of testing/synctest, so
// its time is the test's: it passes when everybody waits.
//
// The journal outlives the node, which can be stopped, or crash, and be started again.
type Platform struct {
	t          testing.TB
	config     Config
	categories map[string]*tutti.Category
	journal    *memjournal.Journal
	secret     []byte
	signer     *auth.Signer
	run        sync.WaitGroup // nodes that are not quite gone yet

	mu      sync.Mutex
	node    *running // nil between a stop or crash and the next start
	gate    *gate    // of the last node
	held    chan struct{}
	clients []*Client
}

// running is a node that runs.
type running struct {
	listener *listener
	stop     context.CancelFunc
	done     chan error
}

// Config says how a platform under test is made. Zero fields mean the defaults.
type Config struct {
	Categories []*tutti.Category
	// Node is what the node is made with, beside what the sandbox decides itself: categories,
	// listener, journal, bus and keys.
	Node node.Config
	// Patience is how long, on the test's clock, an expectation waits to come true (default 30 s).
	Patience time.Duration
}

// Run runs f in a bubble with a platform that serves the categories, and ends the platform after it.
func Run(t *testing.T, f func(t *testing.T, p *Platform), categories ...*tutti.Category) {
	t.Helper()
	Config{Categories: categories}.Run(t, f)
}

// Run runs f in a bubble with a platform of this configuration, and ends the platform after it.
func (c Config) Run(t *testing.T, f func(t *testing.T, p *Platform)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, c.New(t)) })
}

// New starts a platform for a test that is in a bubble already. It ends with the test.
func New(t testing.TB, categories ...*tutti.Category) *Platform {
	t.Helper()
	return Config{Categories: categories}.New(t)
}

// New starts a platform of this configuration, for a test that is in a bubble already. It ends with the test.
func (c Config) New(t testing.TB) *Platform {
	t.Helper()
	p := &Platform{t: t, config: c, categories: make(map[string]*tutti.Category), journal: memjournal.New()}
	if p.config.Patience == 0 {
		p.config.Patience = 30 * time.Second
	}
	for _, c := range c.Categories {
		p.categories[c.Name()] = c
	}
	p.secret = make([]byte, auth.MinSecretBytes)
	_, _ = rand.Read(p.secret) // never fails
	var err error
	if p.signer, err = auth.NewSigner(p.secret); err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(p.end)
	p.Start()
	return p
}

// Start starts the node, after Stop or Crash, and returns when it serves.
func (p *Platform) Start() {
	p.t.Helper()
	if p.listening() != nil {
		p.t.Fatalf("the node runs already")
		return
	}
	g, l := newGate(p.journal), newListener()
	c := p.config.Node
	c.Categories, c.Journal, c.Listener = p.config.Categories, g, l
	c.Auth.Keys = []auth.Source{auth.Secret(p.secret)}
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(testLog{p.t, g}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	n, err := node.New(c)
	if err != nil {
		p.t.Fatalf("%v", err)
		return
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(p.t.Context())) // the node ends after the test
	r := &running{listener: l, stop: stop, done: make(chan error, 1)}
	p.run.Go(func() { r.done <- n.Run(ctx) })
	select {
	case <-n.Ready():
	case err := <-r.done:
		stop()
		p.t.Fatalf("start the node: %v", err)
		return
	}
	p.mu.Lock()
	p.node, p.gate = r, g
	p.mu.Unlock()
}

// Stop ends the node as an operator does: clients are told to come back, and what is under way is
// stored.
func (p *Platform) Stop() {
	p.t.Helper()
	r := p.takeNode()
	if r == nil {
		p.t.Fatalf("no node runs")
		return
	}
	r.stop()
	if err := <-r.done; err != nil {
		p.t.Errorf("stop the node: %v", err)
	}
}

// Crash throws the node away. What the journal has stored stays, nothing else does, and clients
// find their links broken.
func (p *Platform) Crash() {
	p.t.Helper()
	p.mu.Lock()
	g := p.gate
	p.mu.Unlock()
	r := p.takeNode()
	if r == nil {
		p.t.Fatalf("no node runs")
		return
	}
	r.listener.cut()
	if err := g.crash(context.WithoutCancel(p.t.Context())); err != nil {
		p.t.Fatalf("crash the node: %v", err)
	}
	p.release()
	r.stop() // what is left of it ends by itself, and reaches nobody
}

// Restart crashes the node and starts it again.
func (p *Platform) Restart() {
	p.t.Helper()
	p.Crash()
	p.Start()
}

// Advance lets time pass, and returns when all that was to happen meanwhile has happened.
func (p *Platform) Advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// Inject puts failures into the journal, in place of those so far; the zero Faults end them.
func (p *Platform) Inject(f memjournal.Faults) { p.journal.Inject(f) }

func (p *Platform) takeNode() *running {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.node
	p.node = nil
	return r
}

func (p *Platform) listening() *listener {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.node == nil {
		return nil
	}
	return p.node.listener
}

// settle waits until cond is true, letting no more time pass than that takes. It reports whether it
// came true.
func (p *Platform) settle(cond func() bool) bool {
	synctest.Wait()
	start, step := time.Now(), time.Millisecond
	for !cond() {
		if time.Since(start) > p.config.Patience {
			return false
		}
		p.Advance(step)
		step = min(step+step/4, time.Second)
	}
	return true
}

// quiet is how long something that must not happen gets to happen.
const quiet = 50 * time.Millisecond

// end closes the clients, stops the node and waits for what is left of crashed ones.
func (p *Platform) end() {
	p.journal.Inject(memjournal.Faults{})
	p.release()
	p.mu.Lock()
	clients := p.clients
	p.mu.Unlock()
	for _, c := range clients {
		c.close()
	}
	if p.listening() != nil {
		p.Stop()
	}
	p.run.Wait()
}

// testLog writes what a node logs into the test's log, until the node has crashed.
type testLog struct {
	t    testing.TB
	gate *gate
}

func (l testLog) Write(line []byte) (int, error) {
	if !l.gate.shut.Load() {
		l.t.Logf("node: %s", line)
	}
	return len(line), nil
}
