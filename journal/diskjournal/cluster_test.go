package diskjournal_test

import (
	"context"
	"errors"
	"flag"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
	"github.com/tutti-rt/tutti/journal/journaltest"
)

// three is a journal on three nodes that looks like one: partitions are made on all of them when they are acquired.
type three struct {
	*diskjournal.Journal
	net  *network
	mu   sync.Mutex
	once map[journal.Partition]*sync.Once
}

func openThree(n *network) *three {
	return &three{Journal: n.node(1).j, net: n, once: make(map[journal.Partition]*sync.Once)}
}

func (j *three) Acquire(ctx context.Context, p journal.Partition) (journal.Log, error) {
	j.mu.Lock()
	once := j.once[p]
	if once == nil {
		once = new(sync.Once)
		j.once[p] = once
	}
	j.mu.Unlock()
	var err error
	once.Do(func() {
		if err = j.Create(ctx, p); err == nil {
			if s, _ := j.Status(p); len(s.Voters) < 3 {
				err = j.Reconfigure(ctx, p, []journal.NodeID{1, 2, 3})
			}
		}
	})
	if err != nil {
		return nil, err
	}
	for ctx.Err() == nil { // at whoever leads
		if _, err := j.Partitions(ctx); err != nil {
			return nil, err // it is closed
		}
		for _, m := range j.net.all() {
			if s, err := m.j.Status(p); err != nil || s.Leader != m.id {
				continue
			}
			within, cancel := context.WithTimeout(ctx, 2*time.Second)
			l, err := m.j.Acquire(within, p)
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
				return l, err
			}
		}
		time.Sleep(time.Millisecond)
	}
	return nil, ctx.Err()
}

func (j *three) Close() error {
	err := j.Journal.Close()
	j.net.close()
	return err
}

// cut cuts off the node that leads p.
func cut(t testing.TB, j journal.Journal, p journal.Partition) (join func()) {
	n := j.(*three).net
	m := n.leader(p, 1, 2, 3)
	n.isolate(m.id, true)
	return func() { n.isolate(m.id, false) }
}

// fewer has rapid try n times, unless it was told how often.
func fewer(t *testing.T, n int) {
	checks := flag.Lookup("rapid.checks")
	before := checks.Value.String()
	if before != checks.DefValue {
		return
	}
	if err := checks.Value.Set(strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = checks.Value.Set(before) })
}

func TestConformanceOfThree(t *testing.T) {
	fewer(t, 10)
	journaltest.Run(t, func(t testing.TB) journal.Journal {
		return openThree(newNetwork(t, 3, 100*time.Millisecond, diskjournal.Config{IndexBytes: 64 << 10, MemTableBytes: 1 << 20}))
	}, journaltest.Cut(cut))
}
