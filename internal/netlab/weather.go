package netlab

import (
	"math/rand/v2"
	"time"
)

// Weather is what becomes of the packets that a host sends, and of those that it gets. The zero value does nothing to them.
type Weather struct {
	Delay     time.Duration
	Jitter    time.Duration // more or less than Delay, at most
	Loss      float64       // share of packets that are lost
	Duplicate float64       // share of packets that come twice
	Reorder   float64       // share of packets that do without the delay, and so overtake others
	Rate      int64         // bytes/s; 0: as fast as it goes
}

// fate is what becomes of one packet.
type fate struct {
	lost, twice bool
	after       time.Duration
}

// add has the packet go through w as well. free is when the way is free again for the next packet.
func (f *fate) add(w *Weather, size int, now time.Time, free *time.Time, rng *rand.Rand) {
	if *w == (Weather{}) {
		return
	}
	if rng.Float64() < w.Loss {
		f.lost = true
		return
	}
	f.twice = f.twice || rng.Float64() < w.Duplicate
	if rng.Float64() >= w.Reorder {
		f.after += w.Delay
		if w.Jitter > 0 {
			f.after = max(0, f.after+time.Duration(rng.Int64N(int64(2*w.Jitter)))-w.Jitter)
		}
	}
	if w.Rate > 0 {
		if free.Before(now) {
			*free = now
		}
		*free = free.Add(time.Duration(float64(size) / float64(w.Rate) * float64(time.Second)))
		f.after += free.Sub(now)
	}
}
