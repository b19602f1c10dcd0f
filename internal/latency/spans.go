package latency

import (
	"fmt"
	"slices"
	"time"
)

// Spans sums durations up, in microseconds.
type Spans struct {
	Count int   `json:"count"`
	P50   int64 `json:"p50_us"`
	P99   int64 `json:"p99_us"`
	Max   int64 `json:"max_us"`
}

// SpansOf sums all up, which stays as it is.
func SpansOf(all []time.Duration) Spans {
	if len(all) == 0 {
		return Spans{}
	}
	all = slices.Sorted(slices.Values(all))
	at := func(share float64) int64 { return all[min(len(all)-1, int(share*float64(len(all))))].Microseconds() }
	return Spans{len(all), at(0.5), at(0.99), all[len(all)-1].Microseconds()}
}

// String says them in milliseconds.
func (s Spans) String() string {
	ms := func(us int64) time.Duration {
		return (time.Duration(us) * time.Microsecond).Round(100 * time.Microsecond)
	}
	return fmt.Sprintf("p50 %s, p99 %s, max %s (%d)", ms(s.P50), ms(s.P99), ms(s.Max), s.Count)
}
