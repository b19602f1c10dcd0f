package tutti_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/internal/turn"
)

type (
	counter struct {
		N int `json:"n"`
	}
	add struct {
		By int `json:"by"`
	}
	added struct {
		By int `json:"by"`
	}
	total struct {
		N int `json:"n"`
	}
	tick struct{ Left int }
)

func newCounter() *tutti.Category {
	return tutti.NewCategory("counter",
		tutti.OnCommand(func(t *tutti.Turn[counter], c add) error {
			if c.By == 0 {
				return tutti.Reject("invalid", "by is 0")
			}
			t.Emit(added(c))
			t.ReplyWith(func(s *counter) any { return total{s.N} })
			return nil
		}, tutti.Emits(added{})),
		tutti.OnEvent(func(s *counter, e added) { s.N += e.By }),
		tutti.OnQuery(func(t *tutti.Turn[counter], _ tick) (total, error) { return total{t.State().N}, nil }, tutti.Name("get")),
	)
}

// handled is one category with one handler of each kind, all of them f.
func handled(t *testing.T, f func(t *tutti.Turn[room]) error) *turn.Category {
	t.Helper()
	c := tutti.NewCategory("room",
		tutti.OnCommand(func(t *tutti.Turn[room], _ say) error { return f(t) }),
		tutti.OnTimer(func(t *tutti.Turn[room], _ tick) error { return f(t) }),
		tutti.OnSignal(func(t *tutti.Turn[room], _ say) error { return f(t) }),
		tutti.OnQuery(func(t *tutti.Turn[room], _ say) (said, error) { return said{"x", "y"}, f(t) }),
		tutti.OnConnect(f), tutti.OnDisconnect(f),
		tutti.OnEvent(onSaid),
		tutti.OnEvent(func(*room, priced) {}),
	)
	if c.Err() != nil {
		t.Fatal(c.Err())
	}
	return c.Untyped()
}

type priced struct{ Price float64 }

// take runs the handler of one kind.
func takeKind(c *turn.Category, kind turn.Kind, data string) (*turn.Turn, error) {
	u := &turn.Turn{Category: c, Kind: kind, Now: time.UnixMilli(1), Entity: turn.Entity{Category: c.Name, ID: "1"}}
	state := c.NewState()
	var err error
	switch kind {
	case turn.KindCommand, turn.KindTold:
		err = c.Commands["say"].Handle(u, state, []byte(data))
	case turn.KindTimer:
		err = c.Timers["tick"].Handle(u, state, []byte(data))
	case turn.KindSignal:
		err = c.Signals["say"].Handle(u, state, []byte(data))
	case turn.KindQuery:
		_, err = c.Queries["say"].Handle(u, state, []byte(data))
	case turn.KindConnect:
		err = c.Connect(u, state)
	case turn.KindDisconnect:
		err = c.Disconnect(u, state)
	}
	return u, err
}

var kinds = map[turn.Kind]string{
	turn.KindCommand: "command say", turn.KindTold: "command say", turn.KindTimer: "timer tick",
	turn.KindSignal: "signal say", turn.KindQuery: "query say",
	turn.KindConnect: "OnConnect", turn.KindDisconnect: "OnDisconnect",
}

func TestWhatEachTurnMayDo(t *testing.T) {
	writes := []turn.Kind{turn.KindCommand, turn.KindTold, turn.KindTimer, turn.KindConnect, turn.KindDisconnect}
	acts := append([]turn.Kind{turn.KindSignal}, writes...)
	replies := []turn.Kind{turn.KindCommand, turn.KindTold}
	for _, test := range []struct {
		name string
		do   func(*tutti.Turn[room])
		may  []turn.Kind
		want string // of the mistake elsewhere
	}{
		{"Emit", func(t *tutti.Turn[room]) { t.Emit(said{}) }, writes, "a query or signal handler emitted an event"},
		{"Tell", func(t *tutti.Turn[room]) { t.Tell(tutti.Entity{Category: "room", ID: "2"}, say{}) }, writes, "Tell is not for queries and signals"},
		{"Schedule", func(t *tutti.Turn[room]) { t.Schedule("k", t.Now(), tick{}) }, writes, "Schedule is not for queries and signals"},
		{"Cancel", func(t *tutti.Turn[room]) { t.Cancel("k") }, writes, "Cancel is not for queries and signals"},
		{"Reply", func(t *tutti.Turn[room]) { t.Reply(1) }, replies, "Reply is for commands"},
		{"ReplyWith", func(t *tutti.Turn[room]) { t.ReplyWith(func(*room) any { return 1 }) }, replies, "ReplyWith is for commands"},
		{"Broadcast", func(t *tutti.Turn[room]) { t.Broadcast(said{}) }, acts, "Broadcast is not for queries"},
		{"BroadcastTo", func(t *tutti.Turn[room]) { t.BroadcastTo("a", said{}) }, acts, "BroadcastTo is not for queries"},
		{"SendTo", func(t *tutti.Turn[room]) { t.SendTo("m", said{}) }, acts, "SendTo is not for queries"},
		{"Terminate", func(t *tutti.Turn[room]) { t.Terminate("m", "gone", "") }, acts, "Terminate is not for queries"},
	} {
		c := handled(t, func(t *tutti.Turn[room]) error { test.do(t); return nil })
		for kind, handler := range kinds {
			may := false
			for _, k := range test.may {
				may = may || k == kind
			}
			u, err := takeKind(c, kind, "{}")
			decided := len(u.Events)+len(u.Effects)+len(u.Timers)+len(u.Tells) > 0 || u.Reply != nil
			switch {
			case may && (err != nil || !decided):
				t.Errorf("%s in %s: error %v, decided %v; want it done", test.name, handler, err, decided)
			case !may && decided:
				t.Errorf("%s in %s was done", test.name, handler)
			case !may:
				want := "category room: " + handler + ": " + test.want
				if err == nil || err.Error() != want {
					t.Errorf("%s in %s: error %v, want %v", test.name, handler, err, want)
				}
			}
		}
	}
}

type loop struct{ Next *loop }

func TestMisuseFailsTheTurn(t *testing.T) {
	cycle := &loop{}
	cycle.Next = cycle
	for _, test := range []struct {
		name string
		do   func(*tutti.Turn[room])
		want string
	}{
		{"emit unknown", func(t *tutti.Turn[room]) { t.Emit(left{}) }, "emitted tutti_test.left, which has no OnEvent"},
		{"emit pointer", func(t *tutti.Turn[room]) { t.Emit(&said{}) }, "emitted *tutti_test.said, a pointer; emit the value"},
		{"emit nil", func(t *tutti.Turn[room]) { t.Emit(nil) }, "emitted <nil>, which has no OnEvent"},
		{"emit NaN", func(t *tutti.Turn[room]) { t.Emit(priced{math.NaN()}) }, "event priced: encode *tutti_test.priced: json: unsupported value: NaN"},
		{"reply twice", func(t *tutti.Turn[room]) { t.Reply(1); t.ReplyWith(func(*room) any { return 2 }) }, "replied twice"},
		{"reply channel", func(t *tutti.Turn[room]) { t.Reply(make(chan int)) }, "reply: encode chan int: json: unsupported type: chan int"},
		{"reply nothing", func(t *tutti.Turn[room]) { t.ReplyWith(nil) }, "ReplyWith got no function"},
		{"reply cycle", func(t *tutti.Turn[room]) { t.Reply(cycle) }, "encountered a cycle"},
		{"schedule unknown", func(t *tutti.Turn[room]) { t.Schedule("k", t.Now(), say{}) }, "scheduled tutti_test.say, which has no OnTimer"},
		{"schedule never", func(t *tutti.Turn[room]) { t.Schedule("k", time.Time{}, tick{}) }, `scheduled timer tick of key "k" for the zero time`},
		{"broadcast unnamed", func(t *tutti.Turn[room]) { t.Broadcast("hello") }, "Broadcast: type string has no name of its own: use tutti.Name"},
		{"broadcast nil", func(t *tutti.Turn[room]) { t.Broadcast(nil) }, "Broadcast: nil has no type"},
		{"broadcast pointer", func(t *tutti.Turn[room]) { t.Broadcast(&said{}) }, "Broadcast: *tutti_test.said is a pointer"},
		{"broadcast badly named", func(t *tutti.Turn[room]) { t.Broadcast(1, tutti.Name("a b")) }, `Broadcast: the name "a b" does not match`},
		{"send channel", func(t *tutti.Turn[room]) { t.SendTo("m", unsent{Done: make(chan int)}) }, "SendTo: encode tutti_test.unsent"},
		{"tell nobody", func(t *tutti.Turn[room]) { t.Tell(tutti.Entity{}, say{}) }, `told the entity "/", which cannot exist`},
		{"tell a path", func(t *tutti.Turn[room]) { t.Tell(tutti.Entity{Category: "room", ID: "a/b"}, say{}) }, `told the entity "room/a/b", which cannot exist`},
		{"tell the platform", func(t *tutti.Turn[room]) {
			t.Tell(tutti.Entity{Category: "tutti-revocation", ID: "all"}, say{}, tutti.Name("terminate"))
		}, `told the entity "tutti-revocation/all", which is the platform's own`},
		{"tell a long id", func(t *tutti.Turn[room]) {
			t.Tell(tutti.Entity{Category: "room", ID: strings.Repeat("x", 129)}, say{})
		}, "which cannot exist"},
	} {
		for _, answer := range []error{nil, tutti.Reject("invalid", "no"), errors.New("bug")} {
			c := handled(t, func(t *tutti.Turn[room]) error { test.do(t); return answer })
			_, err := takeKind(c, turn.KindCommand, "{}")
			if err == nil || !strings.HasPrefix(err.Error(), "category room: command say: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s, returning %v: error %v, want category, handler and %q", test.name, answer, err, test.want)
			}
			if _, ok := errors.AsType[*tutti.Rejection](err); ok {
				t.Errorf("%s, returning %v: %v is a rejection", test.name, answer, err)
			}
		}
	}
}

func TestEmitsIsAllThatIsEmitted(t *testing.T) {
	c := tutti.NewCategory("room",
		tutti.OnCommand(func(t *tutti.Turn[room], _ say) error { t.Emit(priced{}); return nil }, tutti.Emits(said{})),
		tutti.OnEvent(onSaid), tutti.OnEvent(func(*room, priced) {}))
	if c.Err() != nil {
		t.Fatal(c.Err())
	}
	_, err := takeKind(c.Untyped(), turn.KindCommand, "{}")
	if want := "category room: command say: emitted tutti_test.priced, which its Emits does not have"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %v", err, want)
	}
}

func TestWhatHandlersReturn(t *testing.T) {
	var none *tutti.Rejection
	bug := errors.New("bug")
	for _, test := range []struct {
		name      string
		err       error
		rejection bool
		want      string
	}{
		{"rejection", tutti.Reject("sold", "too late"), true, "rejected: sold: too late"},
		{"wrapped", errors.Join(bug, tutti.Reject("sold", "too late")), true, "rejected: sold: too late"},
		{"nil rejection", none, false, "category room: command say: rejected without a code"},
		{"no code", tutti.Reject("", "?"), false, "category room: command say: rejected without a code"},
		{"failure", bug, false, "category room: command say: bug"},
	} {
		c := handled(t, func(*tutti.Turn[room]) error { return test.err })
		_, err := takeKind(c, turn.KindCommand, "{}")
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: error %v, want %v", test.name, err, test.want)
		}
		if _, ok := err.(*tutti.Rejection); ok != test.rejection {
			t.Errorf("%s: error is %T", test.name, err)
		}
		if test.name == "failure" && !errors.Is(err, bug) {
			t.Errorf("%s: %v does not wrap the handler's error", test.name, err)
		}
	}
}

func TestWhatATurnDecides(t *testing.T) {
	c := handled(t, func(t *tutti.Turn[room]) error {
		t.Emit(said{"ann", "hi"})
		t.Reply(total{7})
		t.Broadcast(said{}, tutti.Except("m1"), tutti.Name("greeting"))
		t.BroadcastTo("staff", say{"psst"})
		t.SendTo("m2", MoveTo{})
		t.Terminate("m3", "kicked", "bye")
		t.Tell(tutti.Entity{Category: "hall", ID: "9"}, say{"go"}, tutti.Name("go_on"))
		t.Schedule("end", t.Now().Add(time.Minute), tick{3})
		t.Cancel("start")
		return nil
	})
	u, err := takeKind(c, turn.KindCommand, "")
	if err != nil {
		t.Fatal(err)
	}
	reply, err := u.Reply(c.NewState())
	if string(reply) != `{"n":7}` || err != nil {
		t.Errorf("reply = %s, %v", reply, err)
	}
	type decided struct {
		Events  []turn.Emitted
		Effects []turn.Effect
		Timers  []turn.TimerChange
		Tells   []turn.Tell
	}
	want := decided{
		[]turn.Emitted{{Name: "said", Data: []byte(`{"Who":"ann","Text":"hi"}`)}},
		[]turn.Effect{
			{Kind: turn.EffectBroadcast, Member: "m1", Name: "greeting", Data: []byte(`{"Who":"","Text":""}`)},
			{Kind: turn.EffectBroadcast, Audience: "staff", ToGroup: true, Name: "say", Data: []byte(`{"Text":"psst"}`)},
			{Kind: turn.EffectSend, Member: "m2", Name: "move_to", Data: []byte(`{}`)},
			{Kind: turn.EffectTerminate, Member: "m3", Code: "kicked", Message: "bye"},
		},
		[]turn.TimerChange{{Key: "end", Due: time.UnixMilli(60001), Name: "tick", Data: []byte(`{"Left":3}`)}, {Key: "start"}},
		[]turn.Tell{{To: turn.Entity{Category: "hall", ID: "9"}, Name: "go_on", Data: []byte(`{"Text":"go"}`)}},
	}
	if diff := cmp.Diff(want, decided{u.Events, u.Effects, u.Timers, u.Tells}); diff != "" {
		t.Errorf("decided (-want +got):\n%s", diff)
	}
}

func TestWhatATurnKnows(t *testing.T) {
	type known struct {
		ID, Member          string
		Entity, From        tutti.Entity
		Revision            uint64
		Now, SentAt         time.Time
		Claims              tutti.Claims
		Members             []tutti.Member
		Dice, State, Nobody int
	}
	var got known
	c := tutti.NewCategory("counter", tutti.OnCommand(func(t *tutti.Turn[counter], _ say) error {
		got = known{t.ID(), t.Member(), t.Entity(), t.From(), t.Revision(), t.Now(), t.SentAt(), t.Claims(), t.Members(), t.Rand().IntN(1000), t.State().N, 0}
		return nil
	})).Untyped()
	members := []tutti.Member{{ID: "m"}}
	u := &turn.Turn{
		Category: c, Kind: turn.KindCommand, Entity: turn.Entity{Category: "counter", ID: "c"}, Revision: 4,
		Now: time.UnixMilli(2), SentAt: time.UnixMilli(1), Member: "m", Claims: tutti.Claims{Subject: "ann"},
		From: turn.Entity{Category: "hall", ID: "h"}, Seed: [2]uint64{1, 2}, Members: func() []tutti.Member { return members },
	}
	if err := c.Commands["say"].Handle(u, &counter{N: 5}, nil); err != nil {
		t.Fatal(err)
	}
	want := known{"c", "m", u.Entity, u.From, 4, u.Now, u.SentAt, u.Claims, members, got.Dice, 5, 0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("turn (-want +got):\n%s", diff)
	}
	again := *u
	first := got.Dice
	if err := c.Commands["say"].Handle(&again, &counter{}, nil); err != nil || got.Dice == first {
		t.Errorf("the second number of a seed is %d like the first, error %v", got.Dice, err)
	}
	fresh := turn.Turn{Category: c, Seed: [2]uint64{1, 2}}
	if err := c.Commands["say"].Handle(&fresh, &counter{}, nil); err != nil || got.Dice != first {
		t.Errorf("the first number of the same seed is %d, then %d, error %v", first, got.Dice, err)
	}
}

func TestCounter(t *testing.T) {
	c := newCounter().Untyped()
	state := c.NewState()
	u := &turn.Turn{Category: c, Kind: turn.KindCommand}
	if err := c.Commands["add"].Handle(u, state, []byte(`{"by":3,"unknown":[]}`)); err != nil {
		t.Fatal(err)
	}
	if got := state.(*counter).N; got != 0 {
		t.Errorf("n is %d before its event is applied", got)
	}
	for _, e := range u.Events {
		if err := c.Events[e.Name].Apply(state, e.Data); err != nil {
			t.Fatal(err)
		}
	}
	if reply, err := u.Reply(state); string(reply) != `{"n":3}` || err != nil {
		t.Errorf("reply = %s, %v", reply, err)
	}
	answer, err := c.Queries["get"].Handle(&turn.Turn{Category: c, Kind: turn.KindQuery}, state, nil)
	if string(answer) != `{"n":3}` || err != nil {
		t.Errorf("answer = %s, %v", answer, err)
	}
	data, err := c.EncodeState(state)
	if string(data) != `{"n":3}` || err != nil {
		t.Errorf("EncodeState = %s, %v", data, err)
	}
	again, err := c.DecodeState(data)
	if diff := cmp.Diff(state, again); diff != "" || err != nil {
		t.Errorf("DecodeState: %v (-want +got):\n%s", err, diff)
	}
}

func BenchmarkCommand(b *testing.B) {
	c := newCounter().Untyped()
	handle, data, state := c.Commands["add"].Handle, []byte(`{"by":3}`), c.NewState()
	b.ReportAllocs()
	for b.Loop() {
		u := turn.Turn{Category: c, Kind: turn.KindCommand}
		if err := handle(&u, state, data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	c := newCounter().Untyped()
	apply, data, state := c.Events["added"].Apply, []byte(`{"by":3}`), c.NewState()
	b.ReportAllocs()
	for b.Loop() {
		if err := apply(state, data); err != nil {
			b.Fatal(err)
		}
	}
}

var _ json.Marshaler = spread{}

// spread is a type whose own encoding has line breaks.
type spread struct{}

func (spread) MarshalJSON() ([]byte, error)     { return []byte("{\n  \"a\": \"b\\nc\"\r\n}"), nil }
func (*spread) UnmarshalJSON(data []byte) error { return nil }
