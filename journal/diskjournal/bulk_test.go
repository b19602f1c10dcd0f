package diskjournal_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

// TestCopiesKeepToTheRate has two nodes get a partition from a third one, which may send little, and is allowed more in the middle of it.
func TestCopiesKeepToTheRate(t *testing.T) {
	const (
		slow  = 64 << 10
		held  = 512 << 10
		moved = 2 * held // to two nodes
	)
	for name, c := range map[string]struct {
		raiseAfter        time.Duration
		atLeast, lessThan time.Duration
	}{
		"one rate":    {time.Hour, (moved/slow - 3) * time.Second, time.Minute},
		"raised soon": {3 * time.Second, 3 * time.Second, 8 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			simulated(t, 3, func(t *testing.T, n *network) {
				n.create(part, 1)
				l := acquire(t, n.node(1), part)
				for seq := range uint64(held / 8192) {
					data := make([]byte, 8192)
					_, _ = rand.Read(data)
					r := journal.Record{Entity: entityOf(0), Seq: seq + 1, Notes: data}
					if _, err := l.Append(t.Context(), journal.Batch{Records: []journal.Record{r}}); err != nil {
						t.Fatal(err)
					}
				}
				j := n.node(1).j
				j.SetBulkBytes(slow)
				raise := time.AfterFunc(c.raiseAfter, func() { j.SetBulkBytes(64 << 20) })
				defer raise.Stop()
				began := time.Now()
				if err := j.Reconfigure(t.Context(), part, []journal.NodeID{1, 2, 3}); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took < c.atLeast || took > c.lessThan {
					t.Errorf("copies took %v, want %v to %v", took, c.atLeast, c.lessThan)
				}
			})
		})
	}
}
