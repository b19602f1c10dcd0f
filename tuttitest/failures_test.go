package tuttitest_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-rt/tutti/tuttitest"
)

// failing is a test that is expected to fail.
type failing struct {
	testing.TB
	recorder
}

func (f *failing) Helper()                           {}
func (f *failing) Errorf(format string, args ...any) { f.recorder.Errorf(format, args...) }
func (f *failing) Fatalf(format string, args ...any) { f.recorder.Fatalf(format, args...) }

func TestPlatformFailuresRead(t *testing.T) {
	rooms := newRooms()
	for _, test := range []struct {
		name string
		f    func(p *tuttitest.Platform, sam *tuttitest.Client)
		want string
	}{
		{"other events", func(p *tuttitest.Platform, sam *tuttitest.Client) {
			sam.SeesState(map[string]int{"lines": 0})
			sam.Send(Open{}).Acked()
			sam.Sees(Opened{"ben"}, Said{"ben", "hi"})
		}, `sam at room/lobby: events (-want +got):
- opened {"by":"ben"}
- said {"text":"hi","who":"ben"}
+ opened {"by":"sam"}`},
		{"other state", func(p *tuttitest.Platform, sam *tuttitest.Client) { sam.SeesState(map[string]int{"lines": 7}) }, `sam at room/lobby: state (-want +got):
  {
-   "lines": 7
+   "lines": 0
  }`},
		{"event instead of state", func(p *tuttitest.Platform, sam *tuttitest.Client) {
			sam.SeesState(map[string]int{"lines": 0})
			sam.Send(Open{}).Acked()
			sam.SeesState(0)
		}, `sam at room/lobby: want a state
got  opened {"by":"sam"}`},
		{"something", func(p *tuttitest.Platform, sam *tuttitest.Client) { sam.SeesNothing() }, `sam at room/lobby: want no further events
got  (state) {"lines":0}`},
		{"no message", func(p *tuttitest.Platform, sam *tuttitest.Client) { sam.Hears(Wave{"left"}) }, `sam at room/lobby: messages (-want +got):
- wave {"Hand":"left"}`},
		{"rejected", func(p *tuttitest.Platform, sam *tuttitest.Client) { sam.Send(Say{}).Acked() }, `sam at room/lobby: command say {"text":""}
want ack
got  rejected: invalid: empty line`},
		{"accepted", func(p *tuttitest.Platform, sam *tuttitest.Client) { sam.Send(Say{"hi"}).Rejected("invalid") }, `sam at room/lobby: command say {"text":"hi"}
want rejection invalid
got  ack with {"n":1}`},
		{"other reply", func(p *tuttitest.Platform, sam *tuttitest.Client) { sam.Send(Say{"hi"}).Replied(2) }, `sam at room/lobby: command say {"text":"hi"}
reply (-want +got):
- 2
+ {
+   "n": 1
+ }`},
		{"no reply", func(p *tuttitest.Platform, sam *tuttitest.Client) { sam.Send(Open{}).Replied(2) }, `sam at room/lobby: command open {}
want reply 2
got  ack without reply`},
		{"answered", func(p *tuttitest.Platform, sam *tuttitest.Client) { sam.Ask(Count{}).Unanswered() }, `sam at room/lobby: query count {}
want no answer yet
got  ack with {"n":0}`},
		{"never answered", func(p *tuttitest.Platform, sam *tuttitest.Client) { p.HoldAppends(); sam.Send(Open{}).Acked() }, `sam at room/lobby: command open {}
want an ack
got  nothing for 30s`},
		{"not refused", func(p *tuttitest.Platform, sam *tuttitest.Client) { p.Refuses(rooms, "lobby", "closed", staff) }, `room/lobby accepted somebody, want it refused with closed`},
		{"refused otherwise", func(p *tuttitest.Platform, sam *tuttitest.Client) { p.Refuses(rooms, "lobby", "full", as("ben")) }, `room/lobby refused ben with open ws://node.test/v1/room/lobby: terminated: closed: nobody has opened this room, want full`},
		{"refused", func(p *tuttitest.Platform, sam *tuttitest.Client) { p.Connect(rooms, "lobby", as("ben")) }, `ben cannot connect to room/lobby: open ws://node.test/v1/room/lobby: terminated: closed: nobody has opened this room`},
		{"goes on", func(p *tuttitest.Platform, sam *tuttitest.Client) { sam.Ends("replaced") }, `sam at room/lobby: want its end with replaced`},
		{"stored otherwise", func(p *tuttitest.Platform, sam *tuttitest.Client) {
			sam.Send(Open{}).Acked()
			p.Stored(rooms, "lobby")
		}, `room/lobby: events in the journal (-want +got):
+ opened {"by":"sam"}`},
		{"started twice", func(p *tuttitest.Platform, sam *tuttitest.Client) { p.Start() }, `the node runs already`},
		{"stopped twice", func(p *tuttitest.Platform, sam *tuttitest.Client) { p.Stop(); p.Stop() }, `no node runs`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &failing{TB: t}
				p := tuttitest.New(f, rooms)
				sam := p.Connect(rooms, "lobby", as("sam"), staff)
				func() {
					defer func() {
						if r := recover(); r != nil && r != any(&f.recorder) {
							panic(r)
						}
					}()
					test.f(p, sam)
				}()
				if d := cmp.Diff(test.want, strings.Join(f.failures, "\n---\n")); d != "" {
					t.Errorf("failures (-want +got):\n%s", d)
				}
			})
		})
	}
}
