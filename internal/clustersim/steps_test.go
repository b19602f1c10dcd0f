package clustersim_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

// step is one fault.
type step struct {
	at   time.Duration // since the players began
	kind kind
	node int // from 1
	to   int // another one
	by   time.Duration
	last time.Duration // how long
	part int           // partition
}

func (s *step) String() string {
	return fmt.Sprintf("%s n%d (n%d, partition %d, by %s) for %s", s.kind, s.node, s.to, s.part, s.by, s.last)
}

type kind string

// The kinds of faults.
const (
	crash    kind = "crash"       // the process ends, unsynced data is lost
	stop     kind = "stop"        // nothing comes or goes, and nothing is synced
	cut      kind = "cut"         // from all nodes
	cutAll   kind = "cut all"     // from clients as well
	cutIn    kind = "cut in"      // hears nobody
	cutOut   kind = "cut out"     // is heard by nobody
	cutPair  kind = "cut pair"    // from one other node
	cutWay   kind = "cut way"     // one node does not hear one other
	rain     kind = "rain"        // what comes and goes is late or lost
	slow     kind = "slow disk"   // syncs take longer
	skew     kind = "skew"        // the clock is set
	drain    kind = "drain"       // ends in peace
	handOver kind = "hand over"   // one partition
	move     kind = "reconfigure" // one partition's replicas
	twice    kind = "crash twice" // one node, and another soon after it is back
	lie      kind = "lie"         // disks say that they sync, and do not
)

var kinds = []kind{crash, crash, stop, cut, cutAll, cutIn, cutOut, cutPair, cutWay, rain, slow, skew, drain, handOver, handOver, move, twice}

const (
	faultsFor  = 12 * time.Second
	mostFaults = 8
)

// plan chooses what happens.
func plan(rng *rand.Rand, nodes int) []step {
	free := make([]time.Duration, nodes+1)
	var all []step
	for n := 1 + rng.IntN(mostFaults); n > 0; n-- {
		s := step{
			at: time.Duration(rng.Int64N(int64(faultsFor))), kind: kinds[rng.IntN(len(kinds))], node: 1 + rng.IntN(nodes), part: rng.IntN(partitions),
			last: 100*time.Millisecond + time.Duration(rng.Int64N(int64(4*time.Second))),
		}
		s.to = 1 + (s.node+rng.IntN(nodes-1))%nodes
		switch s.kind {
		case slow:
			s.by = 5*time.Millisecond + time.Duration(rng.Int64N(int64(200*time.Millisecond)))
		case skew:
			s.by = time.Duration(rng.Int64N(int64(2*time.Hour))) - time.Hour
		case twice:
			s.by = time.Duration(rng.Int64N(int64(time.Second)))
		}
		all = append(all, s)
	}
	slices.SortStableFunc(all, func(a, b step) int { return int(a.at - b.at) })
	for i := range all { // one fault of a node at a time
		s := &all[i]
		s.at = max(s.at, free[s.node])
		free[s.node] = s.at + s.last
	}
	slices.SortStableFunc(all, func(a, b step) int { return int(a.at - b.at) })
	return all
}

// take has all steps happen, each at its time, and waits until they are over.
func (w *world) take(ctx context.Context, steps []step) {
	began := time.Now()
	var wg sync.WaitGroup
	for i, s := range steps {
		rng := w.random(10_000 + uint64(i))
		wg.Go(func() {
			time.Sleep(s.at - time.Since(began))
			w.tell("%s", s.String())
			w.happen(ctx, &s, rng)
			w.tell("over: %s", s.String())
		})
	}
	wg.Wait()
}

func (w *world) happen(ctx context.Context, s *step, rng *rand.Rand) {
	m := w.machines[s.node-1]
	switch s.kind {
	case crash:
		w.down(m, rng, s.last)
	case twice:
		w.down(m, rng, s.last/2)
		time.Sleep(s.by)
		w.down(w.machines[s.to-1], rng, s.last)
	case drain:
		m.drain()
		time.Sleep(s.last)
		w.start(m)
	case slow:
		m.slow(s.by)
		time.Sleep(s.last)
		m.slow(0)
	case skew:
		m.skew.Store(int64(s.by))
		time.Sleep(s.last)
		m.skew.Store(0)
	case lie:
		w.lying.Store(true)
		time.Sleep(s.last)
	case handOver:
		w.handOver(ctx, s.part, s.to)
	case move:
		w.move(ctx, s.part, rng)
	case stop:
		p := m.process()
		if p != nil {
			p.disk.hold()
		}
		w.during(s, func() { w.net.held[s.node] = true }, func() { delete(w.net.held, s.node) }, true)
		if p != nil {
			p.disk.letGo()
		}
	default:
		w.weather(s, rng)
	}
}

func (w *world) down(m *machine, rng *rand.Rand, d time.Duration) {
	m.crash(rng)
	if w.lying != nil {
		w.lying.Store(false)
	}
	time.Sleep(d)
	w.start(m)
}

func (w *world) start(m *machine) {
	if err := m.up(); err != nil {
		w.trouble(m.name, "a node starts again", err.Error())
	}
}

// during changes the network for a while, and cuts clients off meanwhile if they are to be.
func (w *world) during(s *step, begin, end func(), clients bool) {
	name := w.machines[s.node-1].name
	w.net.change(begin)
	if clients {
		w.clients.Cut(outside, name)
	}
	time.Sleep(s.last)
	w.net.change(end)
	if clients {
		w.clients.Heal(outside, name)
	}
}

// weather cuts ways, or makes them bad.
func (w *world) weather(s *step, rng *rand.Rand) {
	var ways []*way
	for k, x := range w.net.ways {
		from, to := k[0] == s.node, k[1] == s.node
		other := k[0] == s.to || k[1] == s.to
		switch s.kind {
		case cutIn:
			from = false
		case cutOut:
			to = false
		case cutPair:
			from, to = from && other, to && other
		case cutWay:
			from, to = from && other, false
		}
		if from || to {
			ways = append(ways, x)
		}
	}
	by := 1
	least, most, loss := leastDelay, mostDelay, 0.0
	if s.kind == rain {
		by, most, loss = 0, time.Duration(1+rng.IntN(60))*time.Millisecond, float64(rng.IntN(10))/100
	}
	w.during(s, func() {
		for _, x := range ways {
			x.cuts += by
			if by == 0 {
				x.least, x.most, x.loss = least, most, loss
			}
		}
	}, func() {
		for _, x := range ways {
			x.cuts -= by
			if by == 0 {
				x.least, x.most, x.loss = leastDelay, mostDelay, 0
			}
		}
	}, s.kind == cutAll)
}

// owner returns the process that leads a partition, as it knows itself; nil: none does.
func (w *world) owner(p journal.Partition) *process {
	for _, m := range w.machines {
		if x := m.process(); x != nil {
			if s, err := x.journal.Status(p); err == nil && s.Leader == journal.NodeID(m.number) {
				return x
			}
		}
	}
	return nil
}

func (w *world) handOver(ctx context.Context, number, to int) {
	p := journal.Partition{Pool: pool, Number: number}
	x := w.owner(p)
	if x == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := x.state.HandOver(ctx, p, journal.NodeID(to)); err != nil {
		w.tell("%s: not handed over: %v", x.name, err)
	}
}

// move gives a partition other replicas.
func (w *world) move(ctx context.Context, number int, rng *rand.Rand) {
	p := journal.Partition{Pool: pool, Number: number}
	var to []journal.NodeID
	for _, i := range rng.Perm(len(w.machines))[:replicas] {
		to = append(to, journal.NodeID(i+1))
	}
	slices.Sort(to)
	for range 3 {
		x := w.owner(p)
		if x == nil {
			time.Sleep(300 * time.Millisecond)
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := x.journal.Reconfigure(ctx, p, to)
		cancel()
		if err == nil {
			return
		}
		w.tell("%s: not reconfigured to %v: %v", x.name, to, err)
	}
}
