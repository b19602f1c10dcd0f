package diskjournal

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"

	"github.com/tutti-rt/tutti/journal"
)

var _ journal.Replicated = (*Journal)(nil)

// Create makes p, with its only replica here.
func (j *Journal) Create(ctx context.Context, name journal.Partition) error {
	if err := j.create(ctx, name); err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	return nil
}

func (j *Journal) create(ctx context.Context, name journal.Partition) error {
	if err := checkPartition(name); err != nil {
		return err
	}
	if err := j.begin(ctx); err != nil {
		return err
	}
	defer j.end()
	if err := j.ready(ctx); err != nil {
		return err
	}
	part := j.partition(name)
	if !j.clustered() {
		return j.open(ctx, part, true)
	}
	err := j.ask(ctx, func() {
		if part.group == nil && part.lost() == nil {
			j.adopt(j.makeGroup(part, firstBase))
		}
	})
	if err != nil {
		return err
	}
	select {
	case <-part.settled:
	case <-ctx.Done():
		return ctx.Err()
	case <-j.closing:
		return j.stopped()
	}
	return part.lost()
}

// Status returns what this node knows of p.
func (j *Journal) Status(name journal.Partition) (journal.Status, error) {
	j.mu.Lock()
	part := j.partitions[name]
	j.mu.Unlock()
	if part == nil {
		return journal.Status{}, fmt.Errorf("status of %s: %w", name, journal.ErrNoReplica)
	}
	part.mu.Lock()
	defer part.mu.Unlock()
	if part.gone != nil || !part.opened {
		return journal.Status{}, fmt.Errorf("status of %s: %w", name, journal.ErrNoReplica)
	}
	s := part.status
	s.Partition, s.End, s.Behind = name, part.end, maps.Clone(s.Behind)
	return s, nil
}

// publish tells others what has changed in the group.
func (g *group) publish() {
	if g.rn == nil {
		return
	}
	b := g.rn.BasicStatus()
	s := journal.Status{Leader: journal.NodeID(b.Lead), Term: b.GetTerm()}
	g.part.mu.Lock()
	old := &g.part.status
	if s.Term > old.Term {
		g.j.count.terms.Add(1)
	}
	same := old.Leader == s.Leader && old.Term == s.Term && g.published == g.log.conf
	g.part.mu.Unlock()
	if same {
		return
	}
	g.published = g.log.conf
	s.Voters, s.Learners = nodes(g.log.conf.GetVoters()), nodes(g.log.conf.GetLearners())
	s.Behind = g.behind()
	g.part.mu.Lock()
	g.part.status = s
	g.part.mu.Unlock()
	g.j.changed(g.part.name)
}

// behind returns, at the leader, how much each other replica has not stored yet.
func (g *group) behind() map[journal.NodeID]uint64 {
	if !g.leading || g.alone() {
		return nil
	}
	m := make(map[journal.NodeID]uint64)
	g.rn.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
		if id != g.id {
			m[journal.NodeID(id)] = g.log.last - min(pr.Match, g.log.last)
		}
	})
	return m
}

// refresh brings what is said of the others up to date.
func (g *group) refresh() {
	behind := g.behind()
	g.part.mu.Lock()
	g.part.status.Behind = behind
	g.part.mu.Unlock()
}

func nodes(ids []uint64) []journal.NodeID {
	var all []journal.NodeID
	for _, id := range ids {
		all = append(all, journal.NodeID(id))
	}
	slices.Sort(all)
	return all
}

// watcher is somebody who is told what has changed.
type watcher struct {
	changed func(journal.Partition)
	pending map[journal.Partition]bool
	running bool
}

// Watch calls changed for every partition of which there is a replica, and whenever something of it has changed.
func (j *Journal) Watch(changed func(journal.Partition)) (stop func()) {
	w := &watcher{changed: changed, pending: make(map[journal.Partition]bool)}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.watchers = append(j.watchers, w)
	for name, part := range j.partitions {
		if part.isOpen() {
			j.tell(w, name)
		}
	}
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.watchers = slices.DeleteFunc(j.watchers, func(o *watcher) bool { return o == w })
		clear(w.pending)
	}
}

// changed tells all who watch.
func (j *Journal) changed(p journal.Partition) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, w := range j.watchers {
		j.tell(w, p)
	}
}

// tell has w told of p. The caller holds mu.
func (j *Journal) tell(w *watcher, p journal.Partition) {
	w.pending[p] = true
	if !w.running && !j.closed {
		w.running = true
		j.work.Go(func() { j.tellAll(w) })
	}
}

// tellAll tells w until there is nothing more to tell.
func (j *Journal) tellAll(w *watcher) {
	for {
		j.mu.Lock()
		if len(w.pending) == 0 || j.closed {
			w.running = false
			j.mu.Unlock()
			return
		}
		pending := w.pending
		w.pending = make(map[journal.Partition]bool)
		j.mu.Unlock()
		for p := range pending {
			j.mu.Lock()
			watches := slices.Contains(j.watchers, w)
			j.mu.Unlock()
			if watches {
				w.changed(p)
			}
		}
	}
}
