package tuttitest_test

import (
	"fmt"
	"testing"

	"github.com/tutti-rt/tutti/tuttitest"
)

// printer reports to an example's output; a real test gives its *testing.T.
type printer struct{}

func (printer) Helper()                             {}
func (printer) Errorf(format string, args ...any)   { fmt.Printf(format+"\n", args...) }
func (p printer) Fatalf(format string, args ...any) { p.Errorf(format, args...) }

func ExampleGiven() {
	rooms, t := newRooms(), printer{}

	tuttitest.Given(t, rooms, Opened{By: "ann"}).
		When(Say{Text: "hi"}, tuttitest.As("ben")).
		Then(Said{Who: "ben", Text: "hi"}).
		ThenReply(Number{N: 1})

	tuttitest.Given(t, rooms, Opened{By: "ann"}).
		When(Say{Text: ""}).
		ThenRejects("invalid")

	// What does not hold is told so:
	tuttitest.Given(t, rooms, Opened{By: "ann"}).
		When(Say{Text: "hi"}, tuttitest.As("ben")).
		Then(Said{Who: "ann", Text: "hi"})
	// Output:
	// category room
	// given opened {"by":"ann"}
	// when  command say {"text":"hi"} as ben
	// events (-want +got):
	// - said {"who":"ann","text":"hi"}
	// + said {"who":"ben","text":"hi"}
}

func BenchmarkSpec(b *testing.B) {
	rooms := newRooms()
	for b.Loop() {
		tuttitest.Given(b, rooms, Opened{"ann"}).When(Say{"hi"}, tuttitest.As("ben")).Then(Said{"ben", "hi"})
	}
}
