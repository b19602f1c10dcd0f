package proof

import (
	"math"
	"testing"
)

func TestPauses(t *testing.T) {
	p := pausesOf(map[float64]int{0.02: 0, 0.03: 60, 0.05: 90, 0.075: 98, 0.1: 99, math.Inf(1): 100})
	if want := "p50 within 30ms, p99 within 100ms; 90.0 % within 50ms (100)"; p.String() != want {
		t.Errorf("%s, want %s", p, want)
	}
	if p := pausesOf(map[float64]int{0.05: 1, math.Inf(1): 100}); p.P99 != "more than all bounds" {
		t.Errorf("p99 is within %s", p.P99)
	}
	if p := pausesOf(nil); p.Count != 0 || p.Goal != 0 {
		t.Errorf("pauses of nothing: %+v", p)
	}
}
