package tuttitest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/tuttitest"
)

// recorder is a test that is expected to fail.
type recorder struct{ failures []string }

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

// Fatalf ends what runs in fails.
func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(r)
}

// fails runs f and returns how it failed.
func fails(f func(t tuttitest.T)) string {
	r := &recorder{}
	func() {
		defer func() {
			if p := recover(); p != nil && p != any(r) {
				panic(p)
			}
		}()
		f(r)
	}()
	return strings.Join(r.failures, "\n---\n")
}

func TestSpecificationsThatHold(t *testing.T) {
	rooms := newRooms()
	staff := tuttitest.Claim("role", "staff")
	echo := tutti.Entity{Category: "room", ID: "hall"}
	opening := tuttitest.Start.Add(time.Hour)

	tuttitest.Given(t, rooms).When(Open{}, tuttitest.As("ann")).
		Then(Opened{"ann"}).
		ThenEffects(tuttitest.Schedules(end, opening, Close{"time is up"})).
		ThenState(Room{Host: "ann"}).
		When(Open{}, tuttitest.As("ben")).ThenRejects("conflict").
		WhenDue(Close{"time is up"}, tuttitest.At(opening)).Then(Closed{"time is up"}).
		When(Open{}).Then(Opened{}).ThenEffects(tuttitest.Schedules(end, opening.Add(time.Hour), Close{"time is up"}))

	tuttitest.Given(t, rooms, Opened{"ann"}, Spoke{"hey"}, tuttitest.Raw{Name: "said", Data: `{"text":"yo","more":1}`}).
		When(Say{"hi"}, tuttitest.As("ben")).
		Then(Said{"ben", "hi"}).
		ThenReply(Number{3}).ThenReply(map[string]int{"n": 3}).
		ThenEffects().
		ThenState(Room{"ann", []string{"somebody: hey", ": yo", "ben: hi"}}).
		ThenView("staff", map[string]int{"lines": 3}).
		WhenAsked(Count{}).ThenAnswer(Number{3}).Then().
		When(Say{}).ThenRejects("invalid").
		When(tuttitest.Raw{Name: "say", Data: `{"text":[]}`}).ThenRejects("invalid").
		When(tuttitest.Raw{Name: "sing", Data: `{}`}).ThenRejects("unknown_command").
		When(Crash{}).ThenFails("no parachute").
		WhenAsked(Count{}).ThenAnswer(Number{3})

	tuttitest.Given(t, rooms, Opened{"ann"}).When(Whisper{"ben", "psst"}, tuttitest.As("ann")).
		ThenEffects(
			tuttitest.Cancels(end),
			tuttitest.Sends("ben", Said{"ann", "psst"}),
			tuttitest.BroadcastsTo("staff", Waved{}).Named("whispering"),
			tuttitest.Tells(tutti.Entity{Category: "room", ID: "echo"}, Hear{"psst"}),
			tuttitest.Terminates("eve", "overheard"),
		).
		ThenSeen("staff", "ben").ThenSeen("")

	tuttitest.Given(t, rooms).
		WhenConnected(tuttitest.As("ann")).ThenRejects("closed").
		WhenConnected(tuttitest.As("sam"), staff).Then().ThenWelcome(map[string]int{"lines": 0}).
		WhenConnected(tuttitest.ID("vault"), staff).ThenRejects("forbidden").
		When(Open{}).ThenRejects("forbidden").
		WhenTold(echo, Hear{"ho"}).Then(Said{"hall", "ho"}).
		When(Open{}, tuttitest.ID("2"), tuttitest.Claims(tutti.Claims{Subject: "ann"})).Then(Opened{"ann"}).
		WhenSignaled(Wave{"left"}, tuttitest.As("ann")).Then().ThenEffects(tuttitest.BroadcastsExcept("ann", Waved{"ann", "left"})).
		WhenSignaled(tuttitest.Raw{Name: "typing", Data: `true`}).ThenEffects(tuttitest.Broadcasts(true).Named("typing")).
		WhenDisconnected(tuttitest.As("ben")).Then().
		WhenDisconnected(tuttitest.As("ann")).Then(Closed{"the host has left"})

	tuttitest.Given(t, rooms).
		When(Draw{}, tuttitest.Seed(1, 2)).Then(Drawn{769}).
		When(Draw{}, tuttitest.Seed(1, 2)).Then(Drawn{769})
}

func TestFailuresRead(t *testing.T) {
	rooms := newRooms()
	for _, test := range []struct {
		name string
		spec func(t tuttitest.T)
		want string
	}{
		{"other events", func(t tuttitest.T) {
			tuttitest.Given(t, rooms, Opened{"ann"}).When(Say{"hi"}, tuttitest.As("ben")).Then(Said{"ann", "hi"})
		}, `category room
given opened {"by":"ann"}
when  command say {"text":"hi"} as ben
events (-want +got):
- said {"who":"ann","text":"hi"}
+ said {"who":"ben","text":"hi"}`},
		{"no events wanted", func(t tuttitest.T) { tuttitest.Given(t, rooms).When(Say{"hi"}).Then() }, `category room
when  command say {"text":"hi"}
events (-want +got):
+ said {"who":"","text":"hi"}`},
		{"rejected", func(t tuttitest.T) { tuttitest.Given(t, rooms).When(Say{}).Then(Said{}) }, `category room
when  command say {"text":""}
want events
got  rejection invalid: empty line`},
		{"accepted", func(t tuttitest.T) { tuttitest.Given(t, rooms).When(Say{"hi"}).ThenRejects("invalid") }, `category room
when  command say {"text":"hi"}
want rejection invalid
got  accepted, with said`},
		{"other code", func(t tuttitest.T) { tuttitest.Given(t, rooms).When(Say{}).ThenRejects("rude") }, `category room
when  command say {"text":""}
want rejection rude
got  rejection invalid: empty line`},
		{"failed", func(t tuttitest.T) { tuttitest.Given(t, rooms).When(Crash{}).ThenRejects("invalid") }, `category room
when  command crash {}
want rejection invalid
got  failure: panic: no parachute`},
		{"did not fail", func(t tuttitest.T) { tuttitest.Given(t, rooms).When(Say{"hi"}).ThenFails("parachute") }, `category room
when  command say {"text":"hi"}
want failure with "parachute"
got  accepted, with said`},
		{"failed otherwise", func(t tuttitest.T) { tuttitest.Given(t, rooms).When(Crash{}).ThenFails("wings") }, `category room
when  command crash {}
want failure with "wings"
got  failure: panic: no parachute`},
		{"other reply", func(t tuttitest.T) { tuttitest.Given(t, rooms).When(Say{"hi"}).ThenReply(Number{2}) }, `category room
when  command say {"text":"hi"}
reply (-want +got):
  {
-   "n": 2
+   "n": 1
  }`},
		{"no reply", func(t tuttitest.T) { tuttitest.Given(t, rooms).When(Open{}).ThenReply(Number{2}) }, `category room
when  command open {}
want reply {"n":2}
got  none`},
		{"other answer", func(t tuttitest.T) { tuttitest.Given(t, rooms).WhenAsked(Count{}).ThenAnswer(7) }, `category room
when  query count {}
answer (-want +got):
- 7
+ {
+   "n": 0
+ }`},
		{"other state", func(t tuttitest.T) {
			tuttitest.Given(t, rooms, Opened{"ann"}).ThenState(Room{Host: "ben"})
		}, `category room
given opened {"by":"ann"}
state (-want +got):
  {
-   "host": "ben",
+   "host": "ann",
    "lines": null
  }`},
		{"other view", func(t tuttitest.T) { tuttitest.Given(t, rooms).ThenView("staff", 0) }, `category room
view of audience "staff" (-want +got):
- 0
+ {
+   "lines": 0
+ }`},
		{"other effects", func(t tuttitest.T) {
			tuttitest.Given(t, rooms).When(Open{}).ThenEffects(tuttitest.Schedules(end, tuttitest.Start, Close{"time is up"}), tuttitest.Broadcasts(Said{}))
		}, `category room
when  command open {}
effects (-want +got):
- broadcast: said {"who":"","text":""}
- schedule "end" at 2000-01-01T00:00:00Z: close {"Why":"time is up"}
+ schedule "end" at 2000-01-01T01:00:00Z: close {"Why":"time is up"}`},
		{"seen", func(t tuttitest.T) { tuttitest.Given(t, rooms).When(Whisper{"ben", "x"}).ThenSeen("", "ben") }, `category room
when  command whisper {"To":"ben","Text":"x"}
seen by everybody (-want +got):
- "ben"`},
		{"a long history", func(t tuttitest.T) {
			tuttitest.Given(t, rooms, Opened{"1"}, Opened{"2"}, Opened{"3"}, Opened{"4"}, Opened{"5"}, Opened{"6"}, Opened{"7"}).When(Open{}).Then()
		}, `category room
given … 2 more
given opened {"by":"3"}
given opened {"by":"4"}
given opened {"by":"5"}
given opened {"by":"6"}
given opened {"by":"7"}
when  command open {}
want events
got  rejection conflict: it is open`},
		{"not an event", func(t tuttitest.T) { tuttitest.Given(t, rooms, Say{}) }, `category room declares no event of type tuttitest_test.Say`},
		{"not a command", func(t tuttitest.T) { tuttitest.Given(t, rooms).When(Said{}) }, `category room declares no command of type tuttitest_test.Said`},
		{"not a timer", func(t tuttitest.T) {
			tuttitest.Given(t, rooms).When(Open{}).ThenEffects(tuttitest.Schedules("", tuttitest.Start, Say{}))
		}, `category room declares no timer of type tuttitest_test.Say`},
		{"undecodable event", func(t tuttitest.T) { tuttitest.Given(t, rooms, tuttitest.Raw{Name: "said", Data: `3`}) }, `category room
given said 3
event said 3 cannot be applied: decode event said: json: cannot unmarshal number into Go value of type tuttitest_test.Said`},
		{"unknown event", func(t tuttitest.T) { tuttitest.Given(t, rooms, tuttitest.Raw{Name: "sung", Data: `3`}) }, `category room
given sung 3
event sung 3 cannot be applied: category room has neither OnEvent nor Upcast for it`},
		{"mistakes", func(t tuttitest.T) { tuttitest.Given(t, tutti.NewCategory("room")) }, `category "room": nothing is declared`},
		{"then first", func(t tuttitest.T) { tuttitest.Given(t, rooms).Then() }, "events are expected without When"},
	} {
		if d := cmp.Diff(test.want, fails(test.spec)); d != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, d)
		}
	}
}

type (
	Sloppy struct{ N int }
	Bump   struct{}
	Bumped struct{ At time.Time }
)

func sloppy(handle func(t *tutti.Turn[Sloppy], _ Bump) error, apply func(s *Sloppy, e Bumped), more ...tutti.Declaration) *tutti.Category {
	return tutti.NewCategory("sloppy", append(more, tutti.OnCommand(handle), tutti.OnEvent(apply))...)
}

func bumps(t *tutti.Turn[Sloppy], _ Bump) error { t.Emit(Bumped{}); return nil }
func nothing(*Sloppy, Bumped)                   {}

// Cache is a state of which JSON does not have all that OnEvent uses.
type Cache struct {
	N    int
	seen int
}

func TestWhatEveryCategoryMustKeepTo(t *testing.T) {
	calls := 0
	for _, test := range []struct {
		name     string
		category *tutti.Category
		want     string
	}{
		{"handler changes the state", sloppy(func(t *tutti.Turn[Sloppy], _ Bump) error { t.State().N++; return nil }, nothing), "its handler changes the state itself"},
		{"handler reads the clock", sloppy(func(t *tutti.Turn[Sloppy], _ Bump) error { t.Emit(Bumped{time.Now()}); return nil }, nothing), "its handler decides otherwise when the same turn runs again"},
		{"handler counts", sloppy(func(t *tutti.Turn[Sloppy], _ Bump) error {
			if calls++; calls%2 == 0 {
				return tutti.Reject("even", "")
			}
			return nil
		}, nothing), "its handler decides otherwise"},
		{"reply changes the state", sloppy(func(t *tutti.Turn[Sloppy], _ Bump) error {
			t.ReplyWith(func(s *Sloppy) any { s.N++; return s.N })
			return nil
		}, nothing), "its ReplyWith changes the state"},
		{"apply counts elsewhere", sloppy(bumps, func(s *Sloppy, _ Bumped) { calls++; s.N = calls }), "OnEvent uses something that the state's JSON does not have"},
		{"apply panics", sloppy(bumps, func(*Sloppy, Bumped) { panic("aah") }), "cannot be applied: panic: aah"},
		{"unexported field", tutti.NewCategory("cache",
			tutti.OnCommand(func(t *tutti.Turn[Cache], _ Bump) error { t.Emit(Bumped{}); t.Emit(Bumped{}); return nil }),
			tutti.OnEvent(func(s *Cache, _ Bumped) { s.seen++; s.N = s.seen })), "OnEvent uses something that the state's JSON does not have"},
		{"view changes the state", sloppy(bumps, nothing, tutti.View(func(s *Sloppy, _ string) any { s.N++; return 1 })), "the view changes the state"},
	} {
		got := fails(func(t tuttitest.T) { tuttitest.Given(t, test.category).When(Bump{}).ThenView("", 1) })
		if !strings.Contains(got, test.want) {
			t.Errorf("%s: got failures %q, want %q", test.name, got, test.want)
		}
	}
}

func TestLongDifferencesAreShort(t *testing.T) {
	rooms := newRooms()
	var events []any
	for i := range 3000 {
		events = append(events, Said{"ann", fmt.Sprint(i)})
	}
	got := fails(func(t tuttitest.T) { tuttitest.Given(t, rooms, events...).ThenView("", make([]string, 2500)) })
	if n := strings.Count(got, "\n"); n == 0 || n > 60 {
		t.Errorf("the failure has %d lines:\n%s", n, got)
	}
	got = fails(func(t tuttitest.T) {
		var lines []string
		for i := range 3000 {
			lines = append(lines, fmt.Sprintf("ann: %d", i))
		}
		lines[1500] = "ann: ?"
		tuttitest.Given(t, rooms, events...).ThenView("", lines)
	})
	if !strings.Contains(got, "-   \"ann: ?\",\n+   \"ann: 1500\",") || strings.Count(got, "\n") > 20 {
		t.Errorf("the failure is\n%s", got)
	}
}
