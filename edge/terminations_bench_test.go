package edge_test

import (
	"fmt"
	"testing"

	"github.com/tutti-rt/tutti/edge"
)

// BenchmarkTerminated looks a bearer up among terminations, as each handshake and request does.
func BenchmarkTerminated(b *testing.B) {
	for _, standing := range []int{0, 10_000} {
		b.Run(fmt.Sprint("standing=", standing), func(b *testing.B) {
			look := edge.Terminated(standing)
			b.ReportAllocs()
			for b.Loop() {
				if look() {
					b.Fatal("somebody else was terminated")
				}
			}
		})
	}
}
