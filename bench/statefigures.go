package bench

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// askEvery is how often the server is asked whether a snapshot is under way.
const askEvery = 50 * time.Millisecond

// figures are what the server says of itself while it is loaded.
type figures struct {
	mu          sync.Mutex
	first, last map[string]float64
	spans       [][2]int64 // when snapshots were under way, as exactly as they are asked for
}

// watch asks until ctx is done.
func (f *figures) watch(ctx context.Context, m Metrics, p *phase) {
	if m == nil {
		return
	}
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	asked := p.now()
	for {
		now := m.read(ctx)
		if now != nil {
			f.take(now, asked, p.now())
			asked = p.now()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

const (
	snapshotCount = "tutti_state_snapshot_seconds_count"
	snapshotsNow  = "tutti_state_snapshots_under_way"
)

// take notes what the server said, and that it had said something else until from.
func (f *figures) take(now map[string]float64, from, to int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.first == nil {
		f.first = now
	} else if now[snapshotCount] > f.last[snapshotCount] || now[snapshotsNow] > 0 || f.last[snapshotsNow] > 0 {
		f.spans = append(f.spans, [2]int64{from, to})
	}
	f.last = now
}

// saving reports whether a snapshot may have been under way then.
func (f *figures) saving(at int64) bool {
	_, found := slices.BinarySearchFunc(f.spans, at, func(s [2]int64, at int64) int {
		switch {
		case s[1] < at:
			return -1
		case s[0] > at:
			return 1
		}
		return 0
	})
	return found
}

func (f *figures) delta(name string) float64 { return f.last[name] - f.first[name] }

func (f *figures) snapshots() *Encoding {
	if f.last == nil {
		return nil
	}
	e := f.encoding("tutti_state_snapshot_turn_seconds")
	e.Count, e.Bytes = uint64(f.delta(snapshotCount)), uint64(f.delta("tutti_state_snapshot_bytes_total"))
	if e.Count > 0 {
		e.Seconds = f.delta("tutti_state_snapshot_seconds_sum") / float64(e.Count)
	}
	return e
}

func (f *figures) views() *Encoding {
	if f.last == nil {
		return nil
	}
	e := f.encoding("tutti_state_view_turn_seconds")
	e.Count = e.Turns
	return e
}

// encoding reads a histogram.
func (f *figures) encoding(name string) *Encoding {
	e := &Encoding{Turns: uint64(f.delta(name + "_count")), TurnMax: f.last[name+"_max"]}
	e.TurnP99 = math.Inf(1)
	prefix := name + `_bucket{le="`
	for bucket := range f.last {
		bound, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimPrefix(bucket, prefix), `"}`), 64)
		if !strings.HasPrefix(bucket, prefix) || err != nil {
			continue
		}
		if f.delta(bucket) >= 0.99*float64(e.Turns) {
			e.TurnP99 = min(e.TurnP99, bound)
		}
	}
	e.TurnP99 = min(e.TurnP99, e.TurnMax)
	e.Over20 = e.Turns - uint64(f.delta(fmt.Sprintf("%s%g%s", prefix, 0.02, `"}`)))
	return e
}
