package bench

// In the package, since viewers are not part of its API.

import (
	"fmt"
	"testing"
	"time"
)

// TestViewerNoticesGaps: a generator that missed nothing would measure nothing.
func TestViewerNoticesGaps(t *testing.T) {
	v := &viewer{}
	for _, rev := range []int{1, 2, 2, 5, 6} {
		if err := v.take(fmt.Appendf(nil, `{"type":"event","rev":%d,"name":"added","data":{"by":1},"at":1}`, rev), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.take([]byte(`{"type":"welcome","member":"m","epoch":"e","rev":10,"resumed":false,"acked":0,"known":true,"state":{},"heartbeat":1}`), time.Now()); err != nil {
		t.Fatal(err)
	}
	if e, l, c := v.events.Load(), v.lost.Load(), v.conflated.Load(); e != 4 || l != 2 || c != 4 {
		t.Errorf("events, lost, conflated = %d, %d, %d, want 4, 2, 4", e, l, c)
	}
	if err := v.take([]byte(`{"type":"terminate","code":"slow_consumer","message":"","reconnect":true,"after":1}`), time.Now()); err == nil {
		t.Error("a terminated viewer goes on")
	}
}

// TestViewerNoticesRepetition: that every viewer got each event once is a claim of the results.
func TestViewerNoticesRepetition(t *testing.T) {
	v := &viewer{}
	for _, frame := range []string{
		`{"type":"event","rev":1,"name":"added","data":{"by":1}}`,
		`{"type":"event","rev":2,"name":"added","data":{"by":1}}`,
		`{"type":"event","rev":2,"name":"added","data":{"by":1}}`,
	} {
		if err := v.take([]byte(frame), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if v.events.Load() != 2 || v.repeated.Load() != 1 || v.lost.Load() != 0 {
		t.Errorf("got %d events, %d again, %d skipped; want 2, 1 and 0", v.events.Load(), v.repeated.Load(), v.lost.Load())
	}
}
