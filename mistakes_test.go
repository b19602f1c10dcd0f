package tutti_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
)

type (
	room         struct{ Lines []said }
	say          struct{ Text string }
	said         struct{ Who, Text string }
	left         struct{ Who string }
	spoke        struct{ Text string } // what said was called once
	clear        struct{}
	hall         struct{ N int }
	crowd[T any] struct{ Of T }
	überTyp      struct{}
)

func onSay(*tutti.Turn[room], say) error       { return nil }
func onSaid(*room, said)                       {}
func onClear(*tutti.Turn[room], clear) error   { return nil }
func onBare(*tutti.Turn[room]) error           { return nil }
func ask(*tutti.Turn[room], say) (said, error) { return said{}, nil }
func toSaid(s spoke) said                      { return said{Text: s.Text} }
func admit(tutti.Claims, string) error         { return nil }
func group(tutti.Claims) string                { return "" }
func who(tutti.Claims) any                     { return nil }
func look(*room, string) any                   { return nil }
func lookSaid(said, string) (any, bool)        { return nil, false }
func keep[S any](*S, struct{})                 {}
func state[S any]() tutti.Declaration          { return tutti.OnEvent(keep[S], tutti.Name("x")) }
func take[C any]() tutti.Declaration {
	return tutti.OnCommand(func(*tutti.Turn[room], C) error { return nil }, tutti.Name("x"))
}

func answer[A any]() tutti.Declaration {
	return tutti.OnQuery(func(*tutti.Turn[room], say) (A, error) { var a A; return a, nil })
}

type (
	unsent  struct{ Done chan int }
	called  struct{ Hooks []func() }
	wave    struct{ Of map[string]complex128 }
	endless *endless
	keyed   struct{ By map[hall]int }
	behind  struct{ Err error }
	secret  struct{ n int }
	holds   struct{ Inner secret }
	twins   struct {
		N int
		M int `json:"N"`
	}
	hidden struct{ N int }
	embeds struct{ *hidden }

	mute  struct{} // never encodes
	deaf  struct{} // encodes as what does not decode
	drift struct{ n int }
	loud  struct{} // panics
)

func (mute) MarshalJSON() ([]byte, error)     { return nil, errors.New("no words") }
func (deaf) MarshalJSON() ([]byte, error)     { return []byte(`"deaf"`), nil }
func (d drift) MarshalJSON() ([]byte, error)  { return json.Marshal(d.n) }
func (d *drift) UnmarshalJSON(b []byte) error { d.n = len(b); return nil }
func (loud) MarshalJSON() ([]byte, error)     { panic("aah") }

func TestMistakes(t *testing.T) {
	for _, test := range []struct {
		name         string
		category     string
		declarations []tutti.Declaration
		want         []string
	}{
		{"upper case", "Room", []tutti.Declaration{tutti.OnEvent(onSaid)}, []string{`category "Room": the name must match ^[a-z]`}},
		{"no name", "", []tutti.Declaration{tutti.OnEvent(onSaid)}, []string{`the name must match`}},
		{"long name", strings.Repeat("a", 33), []tutti.Declaration{tutti.OnEvent(onSaid)}, []string{`the name must match`}},
		{"nothing", "room", nil, []string{"nothing is declared"}},
		{"empty", "room", []tutti.Declaration{{}}, []string{"declaration 1 is empty"}},

		{"command twice", "room", []tutti.Declaration{tutti.OnCommand(onSay), tutti.OnCommand(onClear, tutti.Name("say"))}, []string{"command say is declared twice, with tutti_test.say and tutti_test.clear"}},
		{"event twice", "room", []tutti.Declaration{tutti.OnEvent(onSaid), tutti.OnEvent(onSaid)}, []string{"event said is declared twice"}},
		{"event type twice", "room", []tutti.Declaration{tutti.OnEvent(onSaid), tutti.OnEvent(onSaid, tutti.Name("other"))}, []string{"event type tutti_test.said is declared twice, as said and other"}},
		{"query twice", "room", []tutti.Declaration{tutti.OnQuery(ask), tutti.OnQuery(ask)}, []string{"query say is declared twice"}},
		{"timer twice", "room", []tutti.Declaration{tutti.OnTimer(onSay), tutti.OnTimer(onSay)}, []string{"timer say is declared twice"}},
		{"timer type twice", "room", []tutti.Declaration{tutti.OnTimer(onSay), tutti.OnTimer(onSay, tutti.Name("other"))}, []string{"timer type tutti_test.say is declared twice, as say and other"}},
		{"signal twice", "room", []tutti.Declaration{tutti.OnSignal(onSay), tutti.Relay("say")}, []string{"signal say is declared twice, with tutti_test.say and Relay"}},
		{"relay twice", "room", []tutti.Declaration{tutti.Relay("typing", "typing")}, []string{"signal typing is declared twice"}},
		{"connect twice", "room", []tutti.Declaration{tutti.OnConnect(onBare), tutti.OnConnect(onBare)}, []string{"OnConnect is declared twice"}},
		{"disconnect twice", "room", []tutti.Declaration{tutti.OnDisconnect(onBare), tutti.OnDisconnect(onBare)}, []string{"OnDisconnect is declared twice"}},
		{"admit twice", "room", []tutti.Declaration{tutti.Admit(admit), tutti.Admit(admit)}, []string{"Admit is declared twice"}},
		{"audience twice", "room", []tutti.Declaration{tutti.Audience(group), tutti.Audience(group)}, []string{"Audience is declared twice"}},
		{"who twice", "room", []tutti.Declaration{tutti.Who(who), tutti.Who(who)}, []string{"Who is declared twice"}},
		{"view twice", "room", []tutti.Declaration{tutti.View(look), tutti.View(look)}, []string{"View is declared twice"}},
		{"view event twice", "room", []tutti.Declaration{tutti.OnEvent(onSaid), tutti.ViewEvent(lookSaid), tutti.ViewEvent(lookSaid)}, []string{"ViewEvent of tutti_test.said is declared twice"}},
		{"options twice", "room", []tutti.Declaration{tutti.With(tutti.Options{}), tutti.With(tutti.Options{})}, []string{"With is declared twice"}},
		{"upcast twice", "room", []tutti.Declaration{tutti.OnEvent(onSaid), tutti.Upcast(toSaid), tutti.Upcast(toSaid)}, []string{"upcast spoke is declared twice"}},
		{"upcast type twice", "room", []tutti.Declaration{tutti.OnEvent(onSaid), tutti.Upcast(toSaid), tutti.Upcast(toSaid, tutti.Name("other"))}, []string{"upcast type tutti_test.spoke is declared twice, as spoke and other"}},

		{"nil command", "room", []tutti.Declaration{tutti.OnCommand[room, say](nil)}, []string{"command say: the handler is nil"}},
		{"nil event", "room", []tutti.Declaration{tutti.OnEvent[room, said](nil)}, []string{"event said: the handler is nil"}},
		{"nil query", "room", []tutti.Declaration{tutti.OnQuery[room, say, said](nil)}, []string{"query say: the handler is nil"}},
		{"nil signal", "room", []tutti.Declaration{tutti.OnSignal[room, say](nil)}, []string{"signal say: the handler is nil"}},
		{"nil timer", "room", []tutti.Declaration{tutti.OnTimer[room, say](nil)}, []string{"timer say: the handler is nil"}},
		{"nil connect", "room", []tutti.Declaration{tutti.OnConnect[room](nil)}, []string{"OnConnect: the function is nil"}},
		{"nil disconnect", "room", []tutti.Declaration{tutti.OnDisconnect[room](nil)}, []string{"OnDisconnect: the function is nil"}},
		{"nil admit", "room", []tutti.Declaration{tutti.Admit(nil)}, []string{"Admit: the function is nil"}},
		{"nil audience", "room", []tutti.Declaration{tutti.Audience(nil)}, []string{"Audience: the function is nil"}},
		{"nil who", "room", []tutti.Declaration{tutti.Who[any](nil)}, []string{"Who: the function is nil"}},
		{"replies of an event", "room", []tutti.Declaration{tutti.OnEvent(onSaid, tutti.Replies(say{}))}, []string{"event said does not reply"}},
		{"replies of a connection", "room", []tutti.Declaration{tutti.OnConnect(onBare, tutti.Replies(say{}))}, []string{"OnConnect does not reply"}},
		{"nil reply", "room", []tutti.Declaration{tutti.OnCommand(onSay, tutti.Replies(nil))}, []string{"command say replies with nil"}},
		{"message twice", "room", []tutti.Declaration{tutti.Sends[said](), tutti.Sends[said]()}, []string{"message said is declared twice"}},
		{"relayed twice", "room", []tutti.Declaration{tutti.Relay("said"), tutti.RelayOf[said]()}, []string{"signal said is declared twice"}},
		{"view that does not encode", "room", []tutti.Declaration{tutti.View(func(*room, string) unsent { return unsent{} })}, []string{"View: unsent.Done: a chan does not encode"}},
		{"nil view", "room", []tutti.Declaration{tutti.View[room, any](nil)}, []string{"View: the function is nil"}},
		{"nil view event", "room", []tutti.Declaration{tutti.OnEvent(onSaid), tutti.ViewEvent[said, any](nil)}, []string{"ViewEvent of tutti_test.said: the function is nil"}},
		{"nil upcast", "room", []tutti.Declaration{tutti.OnEvent(onSaid), tutti.Upcast[spoke, said](nil)}, []string{"upcast spoke: the function is nil"}},

		{"emits unknown", "room", []tutti.Declaration{tutti.OnCommand(onSay, tutti.Emits(said{}, left{})), tutti.OnEvent(onSaid)}, []string{"command say emits tutti_test.left, which has no OnEvent"}},
		{"connect emits unknown", "room", []tutti.Declaration{tutti.OnConnect(onBare, tutti.Emits(left{}))}, []string{"OnConnect emits tutti_test.left, which has no OnEvent"}},
		{"emits nil", "room", []tutti.Declaration{tutti.OnCommand(onSay, tutti.Emits(nil))}, []string{"command say emits nil"}},
		{"query emits", "room", []tutti.Declaration{tutti.OnQuery(ask, tutti.Emits(said{})), tutti.OnEvent(onSaid)}, []string{"query say cannot emit events"}},
		{"signal emits", "room", []tutti.Declaration{tutti.OnSignal(onSay, tutti.Emits(said{})), tutti.OnEvent(onSaid)}, []string{"signal say cannot emit events"}},
		{"named connect", "room", []tutti.Declaration{tutti.OnConnect(onBare, tutti.Name("hello"))}, []string{"OnConnect takes no name"}},
		{"unknown view event", "room", []tutti.Declaration{tutti.ViewEvent(lookSaid)}, []string{"ViewEvent of tutti_test.said, which has no OnEvent"}},
		{"upcast to nothing", "room", []tutti.Declaration{tutti.Upcast(toSaid)}, []string{"upcast spoke makes a tutti_test.said, which has neither OnEvent nor Upcast"}},
		{"upcast of an event", "room", []tutti.Declaration{tutti.OnEvent(onSaid), tutti.Upcast(toSaid, tutti.Name("said"))}, []string{"upcast said: that name also has an OnEvent"}},
		{"upcast cycle", "room", []tutti.Declaration{
			tutti.Upcast(func(spoke) left { return left{} }), tutti.Upcast(func(left) spoke { return spoke{} }),
		}, []string{"upcast left leads back to itself", "upcast spoke leads back to itself"}},
		{"upcast to itself", "room", []tutti.Declaration{tutti.Upcast(func(s spoke) spoke { return s })}, []string{"upcast spoke leads back to itself"}},

		{"two states", "room", []tutti.Declaration{tutti.OnEvent(onSaid), tutti.OnConnect(func(*tutti.Turn[hall]) error { return nil })}, []string{"OnConnect has the state type tutti_test.hall, but the category's is tutti_test.room"}},
		{"two states in a view", "room", []tutti.Declaration{tutti.OnEvent(onSaid), tutti.View(func(*hall, string) any { return nil })}, []string{"View has the state type tutti_test.hall"}},
		{"unnamed", "room", []tutti.Declaration{tutti.OnCommand(func(*tutti.Turn[room], struct{ N int }) error { return nil })}, []string{"command: type struct { N int } has no name of its own: use tutti.Name"}},
		{"built in", "room", []tutti.Declaration{tutti.OnCommand(func(*tutti.Turn[room], string) error { return nil })}, []string{"command: type string has no name of its own"}},
		{"generic", "room", []tutti.Declaration{tutti.OnCommand(func(*tutti.Turn[room], crowd[int]) error { return nil })}, []string{"is generic, which makes no name: use tutti.Name"}},
		{"pointer", "room", []tutti.Declaration{tutti.OnCommand(func(*tutti.Turn[room], *say) error { return nil })}, []string{"command: *tutti_test.say is a pointer; declare it with tutti_test.say"}},
		{"named pointer", "room", []tutti.Declaration{take[*say]()}, []string{"*tutti_test.say is a pointer"}},
		{"letters", "room", []tutti.Declaration{tutti.OnCommand(func(*tutti.Turn[room], überTyp) error { return nil })}, []string{`makes the name "über_typ", which does not match`}},
		{"invalid name", "room", []tutti.Declaration{tutti.OnCommand(onSay, tutti.Name("say it"))}, []string{`command tutti_test.say: the name "say it" does not match`}},
		{"empty given name", "room", []tutti.Declaration{tutti.OnCommand(onSay, tutti.Name(""))}, []string{`the name "" does not match`}},
		{"invalid relay", "room", []tutti.Declaration{tutti.Relay("a b")}, []string{`signal: the name "a b" does not match`}},
		{"relay of nothing", "room", []tutti.Declaration{tutti.Relay()}, []string{"Relay without a name"}},
		{"negative option", "room", []tutti.Declaration{tutti.With(tutti.Options{Grace: -time.Second})}, []string{"option Grace is negative"}},
		{"invalid pool", "room", []tutti.Declaration{tutti.With(tutti.Options{Pool: "a/b"})}, []string{`option Pool: "a/b" does not match`}},

		{"channel", "room", []tutti.Declaration{state[unsent]()}, []string{"state tutti_test.unsent: unsent.Done: a chan does not encode"}},
		{"func", "room", []tutti.Declaration{state[called]()}, []string{"called.Hooks[]: a func does not encode"}},
		{"complex", "room", []tutti.Declaration{take[wave]()}, []string{"command x: wave.Of[]: a complex128 does not encode"}},
		{"cyclic pointer", "room", []tutti.Declaration{state[struct{ P endless }]()}, []string{"it.P: the pointer type tutti_test.endless points to itself"}},
		{"map key", "room", []tutti.Declaration{state[keyed]()}, []string{"keyed.By: tutti_test.hall cannot be the key of a JSON object"}},
		{"interface", "room", []tutti.Declaration{state[behind]()}, []string{"behind.Err: the interface error does not decode"}},
		{"unexported", "room", []tutti.Declaration{state[secret]()}, []string{"all fields of tutti_test.secret are unexported, so nothing of it would be kept"}},
		{"unexported deeper", "room", []tutti.Declaration{take[holds]()}, []string{"holds.Inner: all fields of tutti_test.secret are unexported"}},
		{"two fields of a name", "room", []tutti.Declaration{state[twins]()}, []string{`twins: two fields are called "N" in JSON, which keeps one at most`}},
		{"embedded pointer", "room", []tutti.Declaration{state[embeds]()}, []string{"the embedded *hidden is unexported and does not decode"}},
		{"pointer state", "room", []tutti.Declaration{state[*room]()}, []string{"state *tutti_test.room: *tutti_test.room is a pointer"}},
		{"never encodes", "room", []tutti.Declaration{state[mute]()}, []string{"tutti_test.mute does not survive encoding: encode *tutti_test.mute: json: error calling MarshalJSON for type *tutti_test.mute: no words"}},
		{"never decodes", "room", []tutti.Declaration{state[deaf]()}, []string{`its zero value encodes as "deaf", which does not decode`}},
		{"changes", "room", []tutti.Declaration{state[drift]()}, []string{"its zero value encodes as 0, which decodes as 1"}},
		{"panics", "room", []tutti.Declaration{take[loud]()}, []string{"command x: tutti_test.loud does not survive encoding: panic: aah"}},
		{"event as interface", "room", []tutti.Declaration{tutti.OnEvent(func(*room, any) {}, tutti.Name("x"))}, []string{"event x: interface {} is an interface"}},
		{"answer", "room", []tutti.Declaration{answer[unsent]()}, []string{"query say: unsent.Done: a chan does not encode"}},

		{"all of them", "Room", []tutti.Declaration{
			tutti.OnCommand(onSay, tutti.Emits(left{})), tutti.OnCommand(onSay), tutti.OnEvent[room, said](nil), tutti.Admit(nil), state[hall](),
		}, []string{"the name must match", "emits tutti_test.left", "command say is declared twice", "event said: the handler is nil", "Admit: the function is nil", "has the state type tutti_test.hall"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := tutti.NewCategory(test.category, test.declarations...)
			if c.Err() == nil {
				t.Fatalf("Err() = nil, want %q", test.want)
			}
			lines := strings.Split(c.Err().Error(), "\n")
			if len(lines) != len(test.want) {
				t.Errorf("Err() has %d lines, want %d:\n%v", len(lines), len(test.want), c.Err())
			}
			for _, want := range test.want {
				if !strings.Contains(c.Err().Error(), want) {
					t.Errorf("Err() lacks %q:\n%v", want, c.Err())
				}
			}
		})
	}
}

type (
	tree struct {
		Value    any
		Children []tree
		Left     *tree
	}
	wide struct {
		hidden           // its N is promoted
		At     time.Time `json:"at"`
		Raw    json.RawMessage
		ByDay  map[time.Month]int
		ByTime map[time.Time]string
		Skip   func() `json:"-"`
		cache  map[string]int
	}
)

func TestValidDeclarations(t *testing.T) {
	for name, c := range map[string]*tutti.Category{
		"tree":           tutti.NewCategory("t", state[tree]()),
		"many kinds":     tutti.NewCategory("t", state[wide]()),
		"empty state":    tutti.NewCategory("t", state[struct{}]()),
		"plain state":    tutti.NewCategory("t", state[int]()),
		"no state":       tutti.NewCategory("t", tutti.Relay("pointer")),
		"raw command":    tutti.NewCategory("t", take[json.RawMessage]()),
		"same names":     tutti.NewCategory("t", tutti.OnCommand(onSay), tutti.OnQuery(ask), tutti.OnTimer(onSay), tutti.OnSignal(onSay)),
		"any answer":     tutti.NewCategory("t", answer[any]()),
		"error answer":   tutti.NewCategory("t", answer[error]()),
		"upcast chain":   tutti.NewCategory("t", tutti.OnEvent(onSaid), tutti.Upcast(toSaid), tutti.Upcast(func(left) spoke { return spoke{} })),
		"longest name":   tutti.NewCategory("a"+strings.Repeat("0-", 15)+"z", tutti.Relay("a")),
		"generic, named": tutti.NewCategory("t", take[crowd[int]]()),
	} {
		if err := c.Err(); err != nil {
			t.Errorf("%s: Err() = %v, want nil", name, err)
		}
	}
	_, _ = wide{}.cache, secret{}.n
}

type (
	Simple      struct{}
	MoveTo      struct{}
	HTTPRequest struct{}
	UserID      struct{}
	Room2Moved  struct{}
	A           struct{}
	snake_case  struct{} //nolint:revive // what an application may have
)

func TestNamesFromTypes(t *testing.T) {
	c := tutti.NewCategory("t",
		onCommand[Simple](), onCommand[MoveTo](), onCommand[HTTPRequest](), onCommand[UserID](),
		onCommand[Room2Moved](), onCommand[A](), onCommand[snake_case]())
	if c.Err() != nil {
		t.Fatal(c.Err())
	}
	for _, want := range []string{"simple", "move_to", "http_request", "user_id", "room2_moved", "a", "snake_case"} {
		if _, ok := c.Untyped().Commands[want]; !ok {
			t.Errorf("no command %q in %v", want, c.Untyped().Commands)
		}
	}
}

func onCommand[C any]() tutti.Declaration {
	return tutti.OnCommand(func(*tutti.Turn[room], C) error { return nil })
}
