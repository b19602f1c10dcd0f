package bench

import (
	"strings"
	"testing"
)

func TestHeapOf(t *testing.T) {
	const profile = `heap profile: 3: 4000 [5: 6000] @ heap/1048576
1: 1048576 [1: 1048576] @ 0x1 0x2
#	0x1	example.com/a/state.make+0x3f	/a.go:1
#	0x2	example.com/a/node.run+0x3f	/b.go:1

1: 1000000 [1: 1000000] @ 0x1 0x2
#	0x1	example.com/pebble/read+0x3f	/a.go:1
#	0x2	example.com/a/state.make+0x3f	/a.go:1

2: 2000000 [1: 1000000] @ 0x1
#	0x1	example.com/a/edge.read+0x3f	/a.go:1


# runtime.MemStats
# Alloc = 1
`
	got, err := heapOf(strings.NewReader(profile), "a/state.", "pebble")
	// One sample of twice the sampling rate: of e² in e² - 1 such allocations one is taken.
	if want := 1048576 / (1 - 0.1353353); err != nil || got < want-1 || got > want+1 {
		t.Errorf("heapOf = %f, %v; want %f", got, err, want)
	}
	if _, err := heapOf(strings.NewReader("<html>"), "a", "b"); err == nil {
		t.Error("heapOf of something else = nil error")
	}
}
