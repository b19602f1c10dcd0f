package diskjournal_test

import (
	"context"
	"flag"
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
	return j.Journal.Acquire(ctx, p)
}

func (j *three) Close() error {
	err := j.Journal.Close()
	j.net.close()
	return err
}

func TestConformanceOfThree(t *testing.T) {
	checks := flag.Lookup("rapid.checks")
	before := checks.Value.String()
	if err := checks.Value.Set("10"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = checks.Value.Set(before) }()
	journaltest.Run(t, func(t testing.TB) journal.Journal {
		return openThree(newNetwork(t, 3, 100*time.Millisecond, diskjournal.Config{IndexBytes: 64 << 10, MemTableBytes: 1 << 20}))
	})
}
