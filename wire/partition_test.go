package wire_test

import (
	"strconv"
	"testing"

	"github.com/tutti-rt/tutti/wire"
)

// TestPartitionGolden pins the function: the logs on disk are laid out by it.
func TestPartitionGolden(t *testing.T) {
	for _, c := range []struct {
		category, id string
		n, want      int
	}{
		{"counter", "1", 16, 10},
		{"counter", "2", 16, 13},
		{"room", "lobby", 16, 5},
		{"room", "lobby", 1, 0},
		{"room", "lobby", 1000, 837},
		{"pad", "日本", 16, 0},
		{"board", "", 16, 9},
		{"a", "bc", 1 << 20, 404935},
		{"ab", "c", 1 << 20, 457117},
	} {
		if got := wire.Partition(c.category, c.id, c.n); got != c.want {
			t.Errorf("Partition(%q, %q, %d) = %d, want %d", c.category, c.id, c.n, got, c.want)
		}
	}
}

// TestPartitionDistribution has ids as applications make them: each partition gets its share.
func TestPartitionDistribution(t *testing.T) {
	const ids, n = 64_000, 16
	var shares [n]int
	for i := range ids {
		shares[wire.Partition("room", "room-"+strconv.Itoa(i), n)]++
	}
	for p, got := range shares {
		if want := ids / n; got < want*9/10 || got > want*11/10 {
			t.Errorf("partition %d of %d has %d of %d entities, want about %d", p, n, got, ids, want)
		}
	}
}
