package control

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// reportEvery is how often a node says how it is, lest the answer was that it is none any more.
const reportEvery = time.Minute

// establish has the cluster know the node and its pools, and makes the partitions whose home the node is.
func (m *Member) establish(ctx context.Context) error {
	if m.id == 1 {
		if err := m.found(ctx); err != nil {
			return err
		}
	}
	for {
		if err := m.insist(ctx, "report", cluster.Report{Node: m.Node}); err != nil {
			return err
		}
		again := time.NewTimer(reportEvery)
		for due := false; !due; {
			if err := m.layPools(ctx); err != nil {
				return err
			}
			if err := m.makePools(ctx); err != nil {
				return err
			}
			select {
			case <-m.unmade: // a pool came whose home may be here
			case <-again.C:
				due = true
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// needsHome tells establish if there is a pool to make here.
func (m *Member) needsHome(r *cluster.Registry) {
	for i := range r.Pools {
		if p := &r.Pools[i]; !p.Made && (p.Home == m.id || r.Node(p.Home) == nil) {
			select {
			case m.unmade <- struct{}{}:
			default:
			}
			return
		}
	}
}

// found makes the partition of the registry, and the registry.
func (m *Member) found(ctx context.Context) error {
	// Once it has made all partitions of the pool, some of them may be elsewhere.
	if !m.Identity.made(m.entity.partition.Pool) {
		if err := m.Journal.Create(ctx, m.entity.partition); err != nil {
			return fmt.Errorf("make %s: %w", m.entity.partition, err)
		}
	}
	return m.insist(ctx, "found", cluster.Found{Cluster: m.Identity.Cluster(), Journal: m.Identity.Journal(), Node: m.Node})
}

// insist has the registry's entity carry out a command, for as long as it is not reachable. What it refuses is an error, ErrStale if the
// node is none any more, ErrOutdated if it has started since from another copy of its directory.
func (m *Member) insist(ctx context.Context, name string, command any) error {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		_, err := m.entity.command(ctx, name, command, nil)
		switch {
		case err == nil:
			return nil
		case hasCode(err, cluster.CodeUnknownNode):
			return fmt.Errorf("%w: %w", ErrStale, err)
		case hasCode(err, cluster.CodeOldDisk):
			return m.Identity.Condemn(err.Error())
		case !hasCode(err, CodeUnavailable, cluster.CodeNoCluster):
			return fmt.Errorf("%s: %w", name, err)
		}
		m.log.Debug("registry not reached", "command", name, "err", err)
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

// layPools has the registry know the pools. One that cannot be placed is tried again with the next report.
func (m *Member) layPools(ctx context.Context) error {
	for _, name := range m.poolNames() {
		switch err := m.layPool(ctx, name); {
		case hasCode(err, cluster.CodeOtherLayout):
			return fmt.Errorf("pool %q with %d partitions: %w", name, m.Pools[name], err)
		case err != nil:
			m.log.Error("pool not laid out", "pool", name, "err", err)
		}
	}
	return nil
}

// poolNames returns the names of the pools, that of the registry first.
func (m *Member) poolNames() []string {
	names := make([]string, 0, len(m.Pools))
	for name := range m.Pools {
		names = append(names, name)
	}
	slices.Sort(names)
	i := slices.Index(names, m.entity.partition.Pool)
	return slices.Insert(slices.Delete(names, i, i+1), 0, m.entity.partition.Pool)
}

// layPool has the registry know a pool, with this node as its home if it may hold it.
func (m *Member) layPool(ctx context.Context, name string) error {
	pool := cluster.Pool{Name: name, Partitions: m.Pools[name], Home: m.id}
	r, _ := m.Identity.Registry()
	if known := r.Pool(name); known != nil && known.Made && known.Partitions == pool.Partitions {
		return nil
	}
	if n := r.Node(m.id); n != nil && !r.Layout.Allows(n, name) {
		if pool.Home = m.otherHome(&r, name); pool.Home == 0 {
			return refuse(cluster.CodeCannotPlace, "no node that runs may hold it")
		}
	}
	_, err := m.entity.command(ctx, "lay", cluster.Lay{Pool: pool}, nil)
	return err
}

// otherHome returns a node that is up and may hold a pool, or 0.
func (m *Member) otherHome(r *cluster.Registry, pool string) journal.NodeID {
	for i := range r.Nodes {
		if _, up := m.upSince(r.Nodes[i].ID); up && r.Layout.Allows(&r.Nodes[i], pool) {
			return r.Nodes[i].ID
		}
	}
	return 0
}

// makePools makes the partitions of the pools whose home this node is, as the registry says now.
func (m *Member) makePools(ctx context.Context) error {
	r, revision, err := m.entity.view(ctx, new(wire.Cursor))
	if err != nil {
		m.log.Warn("registry not read", "err", err)
		return nil
	}
	m.learn(ctx, r, revision)
	for i := range r.Pools {
		p := &r.Pools[i]
		if p.Home != m.id || p.Made {
			continue
		}
		if err := m.make(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// make makes all partitions of a pool. That it has made them is on disk here before anybody else hears of it, and so before
// one of them can move away: what this node lacks afterwards was moved, and is not made again.
func (m *Member) make(ctx context.Context, pool *cluster.Pool) error {
	if !m.Identity.made(pool.Name) {
		for _, p := range pool.All() {
			if err := m.Journal.Create(ctx, p); err != nil {
				return fmt.Errorf("make %s: %w", p, err)
			}
		}
		if err := m.Identity.change(func(d *identityData) { d.Made = append(d.Made, pool.Name) }); err != nil {
			return err
		}
		m.log.Info("pool made", "pool", pool.Name, "partitions", pool.Partitions)
	}
	return m.insist(ctx, "finish", cluster.Finish{Pool: pool.Name, Home: m.id})
}
