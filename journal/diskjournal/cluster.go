package diskjournal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

// Cluster is what a journal needs to have replicas on other nodes. Zero fields mean the defaults.
type Cluster struct {
	// Node is this node's ID.
	Node journal.NodeID
	// Peers takes what is meant for the other nodes.
	Peers Peers
	// Tick is how often a leader is heard of (default 50 ms).
	Tick time.Duration
	// ElectionTicks is after how many ticks without a leader a replica stands (default 6, and up to twice as many).
	ElectionTicks int
	// BulkBytes is how many bytes of checkpoints are sent to all nodes in a second (default 64 MiB), until SetBulkBytes says otherwise.
	BulkBytes int
	// Lost is told when a replica turns out to end at has although it has told its leader, in the present term, that it has the log up to
	// had, or to have something else there: the disk is an old copy, say. The replica neither votes nor stands until it has that again.
	// Lost does not block. Nil: nobody is told.
	Lost func(p journal.Partition, has, had journal.Offset)
}

// Peers are the ways to the other nodes.
type Peers interface {
	// Send sends a frame, which is not the caller's any more. It never blocks, and returns false when the frame is not sent.
	// Frames to one node arrive in order, or not at all.
	Send(to journal.NodeID, frame []byte) bool
	// Fetch has a node serve a request (see Journal.ServeBulk), and returns what it writes.
	Fetch(ctx context.Context, from journal.NodeID, request []byte) (io.ReadCloser, error)
}

func (c *Cluster) withDefaults() (*Cluster, error) {
	if c == nil {
		return nil, nil
	}
	d := *c
	if d.Tick == 0 {
		d.Tick = 50 * time.Millisecond
	}
	if d.ElectionTicks == 0 {
		d.ElectionTicks = 6
	}
	if d.BulkBytes == 0 {
		d.BulkBytes = 64 << 20
	}
	var errs []error
	if d.Node == 0 || d.Node >= 1<<62 {
		errs = append(errs, fmt.Errorf("Cluster.Node is %d", d.Node))
	}
	if d.Peers == nil {
		errs = append(errs, errors.New("Cluster.Peers is nil"))
	}
	if d.Tick < time.Millisecond {
		errs = append(errs, fmt.Errorf("Cluster.Tick is %s", d.Tick))
	}
	if d.ElectionTicks < 2 {
		errs = append(errs, fmt.Errorf("Cluster.ElectionTicks is %d", d.ElectionTicks))
	}
	if d.BulkBytes < 0 {
		errs = append(errs, fmt.Errorf("Cluster.BulkBytes is %d", d.BulkBytes))
	}
	return &d, errors.Join(errs...)
}

func (c *Config) electionTicks() int {
	if c.Cluster == nil {
		return 10
	}
	return c.Cluster.ElectionTicks
}

// clustered reports whether there may be other replicas than those here.
func (j *Journal) clustered() bool { return j.config.Cluster != nil }

// node returns the ID of this node.
func (j *Journal) node() uint64 {
	if j.clustered() {
		return uint64(j.config.Cluster.Node)
	}
	return 1
}

// Node returns the ID of this node.
func (j *Journal) Node() journal.NodeID { return journal.NodeID(j.node()) }

// Run has the replicas here take part in elections until ctx is done or the journal is closed. A journal with Config.Cluster
// does nothing before; one without has no use for it.
func (j *Journal) Run(ctx context.Context) error {
	if !j.clustered() {
		<-ctx.Done()
		return ctx.Err()
	}
	if err := j.openAll(ctx); err != nil {
		return fmt.Errorf("run journal in %s: %w", j.dir, err)
	}
	defer func() { _ = j.post(j.still) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ticker := time.NewTicker(j.config.Cluster.Tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-j.closing:
			return j.stopped()
		case job := <-j.jobs:
			j.do(ctx, job)
		case <-ticker.C:
			// A tick that the loop has not come to yet is enough: replicas that are only late must not stand.
			if j.ticked.CompareAndSwap(false, true) {
				_ = j.post(j.tick)
			}
		}
	}
}

// do does something beside the loop.
func (j *Journal) do(ctx context.Context, job func(context.Context)) {
	if j.begin(ctx) != nil {
		return
	}
	defer j.end()
	j.work.Go(func() { job(ctx) })
}

// openAll opens all partitions of which there is a replica here. One that is damaged is reported, and left alone.
func (j *Journal) openAll(ctx context.Context) error {
	known, err := j.Partitions(ctx)
	if err != nil {
		return err
	}
	if err := j.begin(ctx); err != nil {
		return err
	}
	defer j.end()
	for _, name := range known {
		part := j.partition(name)
		err := j.open(ctx, part, false)
		if errors.Is(err, journal.ErrCorrupt) {
			j.log.Error("replica cannot be opened", "partition", name.String(), "error", err.Error())
			part.lose(err)
			continue
		}
		if err != nil {
			return err
		}
	}
	j.call(func() { j.start() })
	return nil
}

// start lets in what waits for the partitions to be open.
func (j *Journal) start() {
	if !j.isStarted {
		j.isStarted = true
		close(j.started)
	}
	j.isTicking = true
}

// still ends those who wait for a majority: nobody tells them any more that it is too late.
func (j *Journal) still() {
	j.isTicking = false
	for _, g := range j.groups {
		g.unconfirmed(journal.ErrUnavailable)
	}
}

// ready waits until the partitions are open.
func (j *Journal) ready(ctx context.Context) error {
	if !j.clustered() {
		return nil
	}
	select {
	case <-j.started:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-j.closing:
		return j.stopped()
	}
}

// post is call for those who have no call under way. It fails when the journal is closed.
func (j *Journal) post(f func()) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.why(); err != nil {
		return err
	}
	j.inbox.calls = append(j.inbox.calls, f)
	j.wake()
	return nil
}

// ask has the loop call f, and waits until it has. When ask returns an error f has not been called, and is not any more.
func (j *Journal) ask(ctx context.Context, f func()) error {
	done := make(chan struct{})
	var taken atomic.Bool // by the loop, or by whoever waits no more
	err := j.post(func() {
		defer close(done)
		if taken.CompareAndSwap(false, true) {
			f()
		}
	})
	if err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		if taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		<-done // it is being called
		return nil
	}
}

// tick tells all replicas that time passes.
func (j *Journal) tick() {
	j.ticked.Store(false)
	j.flushPatient()
	clear(j.shared)
	for _, g := range slices.Clone(j.groups) {
		g.tick()
	}
}

func (g *group) tick() {
	g.guard(func() {
		if !g.forgetful() {
			g.rn.Tick()
		}
		g.ticks++
		g.late()
		g.handingLate()
		if g.handing == 0 && len(g.waiting) > 0 {
			g.retry()
		}
		g.leave()
		g.seal()
		if g.rn == nil {
			return
		}
		if g.ticks%10 == 0 {
			g.refresh()
		}
		if g.copyLate(); g.rn == nil {
			return
		}
		if g.rn.HasReady() {
			g.touch()
		}
	})
}
