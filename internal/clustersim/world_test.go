package clustersim_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/internal/histories"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/peer/peertest"
	"github.com/tutti-rt/tutti/wire"
)

// machine is a node, whether it runs or not.
type machine struct {
	world  *world
	number int
	name   string
	skew   atomic.Int64
	fs     *vfs.MemFS // what is on its disk

	turn chan struct{}           // held while it is started or ended; no lock, since time does not pass for those who wait for one
	run  atomic.Pointer[process] // nil: it does not
}

func (m *machine) now() time.Time { return time.Now().Round(0).Add(time.Duration(m.skew.Load())) }

// world is all that one seed is about.
type world struct {
	t        testing.TB
	seed     uint64
	log      *slog.Logger
	net      *network
	clients  *peertest.Network
	machines []*machine
	memTable int // bytes
	recorder *histories.Recorder
	ghosts   sync.WaitGroup // processes that have crashed
	well     chan struct{}  // closed when the last fault has ended
	over     chan struct{}  // closed in the end

	lies  func(*process) func(bus.Address, *wire.Envelope) (bus.Address, *wire.Envelope)
	lying *atomic.Bool // disks lose what they say is synced

	mu       sync.Mutex
	told     []string
	troubles []histories.Violation
	aged     []aged
	took     time.Duration
}

const (
	replicas = 3 // of each partition
	pool     = "default"
	outside  = "clients" // the host of all clients
)

func newWorld(t testing.TB, seed uint64, nodes int) *world {
	w := &world{
		t: t, seed: seed, clients: peertest.New(), recorder: histories.NewRecorder(), memTable: 256 << 10, over: make(chan struct{}), well: make(chan struct{}),
	}
	w.log = slog.New(slog.NewTextHandler(&lines{w}, &slog.HandlerOptions{Level: logLevel()}))
	w.net = newNetwork(nodes, w.random(1))
	for i := 1; i <= nodes; i++ {
		m := &machine{world: w, number: i, name: fmt.Sprintf("n%d", i), fs: vfs.NewCrashableMem(), turn: make(chan struct{}, 1)}
		w.machines = append(w.machines, m)
		w.clients.Delay(outside, m.name, 100*time.Microsecond)
	}
	return w
}

// random returns a source that depends on the seed and a number alone.
func (w *world) random(number uint64) *rand.Rand { return rand.New(rand.NewPCG(w.seed, number)) }

// lines takes what is logged.
type lines struct{ w *world }

func (l *lines) Write(b []byte) (int, error) {
	l.w.tell("%s", strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}

const mostTold = 20000

// tell takes down what happens.
func (w *world) tell(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.told) < mostTold {
		w.told = append(w.told, fmt.Sprintf("%10s ", w.recorder.Now().Round(time.Microsecond))+fmt.Sprintf(format, args...))
	}
}

// trouble notes that a promise was not kept.
func (w *world) trouble(entity, broken, told string) {
	w.tell("TROUBLE %s: %s: %s", entity, broken, told)
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.troubles) < 100 {
		w.troubles = append(w.troubles, histories.Violation{Entity: entity, Broken: broken, Told: told})
	}
}

// found begins the cluster: the first node makes the partitions, and the next two get replicas of them.
func (w *world) found(ctx context.Context) error {
	for _, m := range w.machines {
		if err := m.up(); err != nil {
			return err
		}
	}
	first := w.machines[0].process()
	for i := range partitions {
		p := journal.Partition{Pool: pool, Number: i}
		if err := first.journal.Create(ctx, p); err != nil {
			return err
		}
		if err := first.journal.Reconfigure(ctx, p, []journal.NodeID{1, 2, 3}); err != nil {
			return err
		}
	}
	return nil
}

func (m *machine) process() *process { return m.run.Load() }

// changing takes the machine's turn, and returns what gives it back.
func (m *machine) changing() (done func()) {
	m.turn <- struct{}{}
	return func() { <-m.turn }
}

// up starts the node, unless it runs.
func (m *machine) up() error {
	defer m.changing()()
	if m.process() != nil {
		return nil
	}
	p, err := m.start()
	if err != nil {
		return err
	}
	m.run.Store(p)
	m.world.ghosts.Go(func() { p.serve(m.world.over) })
	return nil
}

// crash ends the node, with what was synced and a part of the rest on its disk. It is nothing to a node that does not run.
func (m *machine) crash(rng *rand.Rand) {
	defer m.changing()()
	p := m.process()
	if p == nil {
		return
	}
	p.crash() // before the disk is looked at: nobody is told any more of what is synced meanwhile
	m.fs = m.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50, 100}[rng.IntN(3)], RNG: rng})
	m.run.Store(nil)
}

// drain ends the node in peace.
func (m *machine) drain() {
	defer m.changing()()
	if p := m.process(); p != nil {
		p.drain()
		m.run.Store(nil)
	}
}

// slow has each write to the node's disk take that much longer.
func (m *machine) slow(delay time.Duration) {
	if p := m.process(); p != nil {
		p.disk.delay.Store(int64(delay))
	}
}

// well ends what is wrong with the node, but for the network between nodes.
func (m *machine) well() {
	m.world.clients.Heal(outside, m.name)
	m.skew.Store(0)
	m.slow(0)
	if p := m.process(); p != nil {
		p.disk.letGo()
	}
}

// heal ends all faults, and starts what does not run.
func (w *world) heal() error {
	w.net.heal()
	for _, m := range w.machines {
		m.well()
		if err := m.up(); err != nil {
			return err
		}
	}
	return nil
}

// end ends all.
func (w *world) end() {
	close(w.over)
	w.net.heal()
	var all sync.WaitGroup
	for _, m := range w.machines {
		m.well()
		if p := m.process(); p != nil {
			all.Go(func() { p.shut(func() {}) })
		}
	}
	all.Wait()
	for _, m := range w.machines {
		if p := m.process(); p != nil {
			w.net.leave(m.number, p)
			p.close()
		}
	}
	w.net.close()
	w.ghosts.Wait()
}
