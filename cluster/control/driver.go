package control

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// driver decides where replicas and leaders go, where the registry is owned. What it remembers only paces it: another one goes on
// where it ended, from what the nodes say.
type driver struct {
	member *Member
	cursor wire.Cursor // of the registry that was read last

	leaders map[journal.Partition]led
	refused map[journal.Partition]refusedLead
}

// led is who leads a partition, as the driver has seen it.
type led struct {
	by    journal.NodeID
	since time.Time
}

// refusedLead is a lead that could not be handed over, and when it is tried again.
type refusedLead struct {
	wait  time.Duration
	until time.Time
}

const (
	longestLeadWait = time.Minute
	// leadsAtOnce bounds how many leads are handed over at once, and with one look for balance's sake, leadsAway those of nodes that drain.
	leadsAtOnce = 2
	leadsAway   = 8
	// asksAtOnce bounds how many nodes are asked at a time.
	asksAtOnce = 16
	// keepsUp is how many batches a node may lack that is to lead.
	keepsUp = 256
)

func newDriver(m *Member) *driver {
	return &driver{member: m, leaders: make(map[journal.Partition]led), refused: make(map[journal.Partition]refusedLead)}
}

// run looks and acts while this node owns the registry, until ctx is done.
func (d *driver) run(ctx context.Context) error {
	m := d.member
	wait := m.Tick
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		case <-m.poke:
			// What is new seldom comes alone.
			timer.Stop()
			if err := pause(ctx, min(m.Tick, 100*time.Millisecond)); err != nil {
				return err
			}
		}
		if !m.drives() {
			d.forget()
			wait = m.Idle
			continue
		}
		if wait = m.Idle; d.look(ctx) {
			wait = m.Tick
		}
	}
}

// forget begins anew: another node decides.
func (d *driver) forget() {
	d.cursor = wire.Cursor{}
	clear(d.leaders)
	clear(d.refused)
}

// look compares what is with what is to be, and does what brings them nearer. It reports whether there is more to do.
func (d *driver) look(ctx context.Context) (more bool) {
	m := d.member
	if err := m.refresh(ctx, &d.cursor); err != nil {
		m.log.Debug("registry not read", "err", err)
		return true
	}
	s := m.survey(ctx)
	d.observe(s)
	plan := makePlan(s)
	moved := d.move(ctx, s, plan)
	lead := d.balance(ctx, s, plan)
	return moved || lead
}

// survey asks all nodes that are up how they are.
func (m *Member) survey(ctx context.Context) *survey {
	registry, revision := m.Identity.Registry()
	s := newSurvey(registry, revision)
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	var mu sync.Mutex
	var asking sync.WaitGroup
	slots := make(chan struct{}, asksAtOnce)
	for i := range registry.Nodes {
		id := registry.Nodes[i].ID
		since, up := m.upSince(id)
		if !up {
			continue
		}
		slots <- struct{}{}
		asking.Go(func() {
			defer func() { <-slots }()
			var got NodeStatus
			if err := m.askNode(ctx, id, serviceStatus, struct{}{}, &got); err != nil || got.Node != id {
				m.log.Debug("node does not answer", "node", id, "err", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			s.add(&got, since)
		})
	}
	asking.Wait()
	return s
}

// askNode asks a service of a node, which may be this one.
func (m *Member) askNode(ctx context.Context, id journal.NodeID, name string, request, reply any) error {
	call := func(ctx context.Context, name string, request []byte) ([]byte, error) {
		return m.Mesh.Call(ctx, id, name, request)
	}
	if id == m.id {
		own := m.agent.services()
		call = func(ctx context.Context, name string, request []byte) ([]byte, error) {
			return answered(own[name](ctx, id, request))
		}
	}
	return ask(ctx, call, name, request, reply)
}

// observe notes since when who leads.
func (d *driver) observe(s *survey) {
	for p, seen := range s.partitions {
		if d.leaders[p].by != seen.Leader {
			d.leaders[p] = led{by: seen.Leader, since: time.Now()}
		}
	}
	maps.DeleteFunc(d.leaders, func(p journal.Partition, _ led) bool { return s.partitions[p] == nil })
	maps.DeleteFunc(d.refused, func(p journal.Partition, r refusedLead) bool { return time.Since(r.until) > longestLeadWait })
}

// move begins changes of replicas, or has them go on, as many as may be under way at once. It reports whether there are any left.
func (d *driver) move(ctx context.Context, s *survey, plan *plan) bool {
	m := d.member
	under := len(s.changing)
	for _, want := range plan.moves {
		running := s.changing[want.partition]
		if want.step.Lead != 0 && running == nil {
			d.handOver(ctx, s, want.partition, want.step.Lead)
			continue
		}
		if running == nil {
			if under >= s.registry.Layout.Concurrent() {
				continue
			}
			under++
		}
		o := order{Partition: want.partition, Revision: s.revision, Voters: want.step.Voters}
		if err := m.askNode(ctx, s.partitions[want.partition].Leader, serviceReconfigure, o, nil); err != nil {
			m.log.Debug("replicas not moved yet", "partition", want.partition, "err", err)
		}
	}
	return len(plan.moves) > 0 || len(s.changing) > 0
}

// balance hands leads over. It reports whether there are any left.
func (d *driver) balance(ctx context.Context, s *survey, plan *plan) bool {
	m := d.member
	lead := cluster.Lead(s.registry.Nodes, plan.leads, s.leaders(), func(id journal.NodeID) bool { return d.mayLead(s, id) })
	left := false
	away, atOnce := leadsAway, leadsAtOnce
	var handing sync.WaitGroup
	slots := make(chan struct{}, leadsAtOnce) // others would only make the pause of each longer
	results := make(map[journal.Partition]error)
	var mu sync.Mutex
	for _, p := range slices.SortedFunc(maps.Keys(lead), cluster.ComparePartitions) {
		seen, to := s.partitions[p], lead[p]
		if to == seen.Leader || seen.Leader == 0 {
			continue
		}
		left = true
		urgent := s.leaving(seen.Leader)
		budget := &atOnce
		if urgent {
			budget = &away
		}
		calm := urgent || time.Since(d.leaders[p].since) >= m.Settle
		if *budget == 0 || !calm || s.changing[p] != nil || seen.Behind[to] > keepsUp || time.Now().Before(d.refused[p].until) {
			continue
		}
		*budget--
		slots <- struct{}{}
		handing.Go(func() {
			defer func() { <-slots }()
			err := m.askNode(ctx, seen.Leader, serviceHandOver, order{Partition: p, Revision: s.revision, To: to}, nil)
			mu.Lock()
			defer mu.Unlock()
			results[p] = err
		})
	}
	handing.Wait()
	for p, err := range results {
		d.handed(p, lead[p], err)
	}
	return left
}

// handOver has a node lead because the one that leads is to go.
func (d *driver) handOver(ctx context.Context, s *survey, p journal.Partition, to journal.NodeID) {
	if time.Now().Before(d.refused[p].until) {
		return
	}
	o := order{Partition: p, Revision: s.revision, To: to}
	err := d.member.askNode(ctx, s.partitions[p].Leader, serviceHandOver, o, nil)
	if err == nil {
		s.partitions[p].Leader = to
	}
	d.handed(p, to, err)
}

// handed notes what became of a hand-over.
func (d *driver) handed(p journal.Partition, to journal.NodeID, err error) {
	if err == nil {
		delete(d.refused, p)
		d.leaders[p] = led{by: to, since: time.Now()}
		return
	}
	r := d.refused[p]
	r.wait = min(max(2*r.wait, d.member.Tick), longestLeadWait)
	r.until = time.Now().Add(r.wait)
	d.refused[p] = r
	d.member.log.Warn("lead not handed over", "partition", p, "to", to, "err", err)
}

// mayLead reports whether a node may be given leads: it answers, stays, and has been up for long enough not to go at once again.
func (d *driver) mayLead(s *survey, id journal.NodeID) bool {
	since, up := s.up[id]
	return up && !s.leaving(id) && (id == d.member.id || time.Since(since) >= d.member.Settle)
}
