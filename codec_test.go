package tutti_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/internal/turn"
)

type form struct {
	Name  string `json:"name"`
	Age   int8   `json:"age"`
	Size  uint16 `json:"size"`
	Exact float64
	Sure  bool
	List  []int
	Deep  struct{ X, Y int } `json:"deep"`
}

func TestInvalidData(t *testing.T) {
	var got form
	c := tutti.NewCategory("t",
		tutti.OnCommand(func(_ *tutti.Turn[room], f form) error { got = f; return nil }),
		tutti.OnSignal(func(_ *tutti.Turn[room], f form) error { got = f; return nil }),
		tutti.OnQuery(func(_ *tutti.Turn[room], f form) (int, error) { got = f; return 1, nil }),
	).Untyped()
	for _, test := range []struct{ data, want string }{
		{``, ""},
		{`null`, ""},
		{` {} `, ""},
		{`{"name":"x","other":{"deep":[1]}}`, ""},
		{`{"name":3}`, "name: want a string, got number"},
		{`{"age":300}`, "age: want a whole number from -128 to 127, got number 300"},
		{`{"size":-1}`, "size: want a whole number from 0 to 65535, got number -1"},
		{`{"Exact":"1"}`, "Exact: want a number, got string"},
		{`{"Sure":1}`, "Sure: want true or false, got number"},
		{`{"List":{}}`, "List: want an array, got object"},
		{`{"List":[1.5]}`, "List: want a whole number, got number 1.5"},
		{`{"deep":{"X":[]}}`, "deep.X: want a whole number, got array"},
		{`{"deep":7}`, "deep: want an object, got number"},
		{`[]`, "data: want an object, got array"},
		{`{} {}`, "invalid character '{' after top-level value"},
		{`{`, "unexpected end of JSON input"},
		{`{"name":"x"}x`, "invalid character 'x' after top-level value"},
		{strings.Repeat("[", 100_000), "exceeded max depth"},
	} {
		for kind, handle := range map[string]func() error{
			"command": func() error {
				return c.Commands["form"].Handle(&turn.Turn{Category: c, Kind: turn.KindCommand}, &room{}, []byte(test.data))
			},
			"signal": func() error {
				return c.Signals["form"].Handle(&turn.Turn{Category: c, Kind: turn.KindSignal}, &room{}, []byte(test.data))
			},
			"query": func() error {
				_, err := c.Queries["form"].Handle(&turn.Turn{Category: c, Kind: turn.KindQuery}, &room{}, []byte(test.data))
				return err
			},
		} {
			got = form{Age: 1}
			err := handle()
			if test.want == "" {
				if err != nil || got.Age != 0 {
					t.Errorf("%s of %.30s: error %v, age %d; want nil and 0", kind, test.data, err, got.Age)
				}
				continue
			}
			r, ok := err.(*tutti.Rejection)
			if !ok || r.Code != "invalid" || !strings.Contains(r.Message, test.want) {
				t.Errorf("%s of %.30s: error %v, want the rejection %q", kind, test.data, err, test.want)
			}
			if got.Age != 1 {
				t.Errorf("%s of %.30s: the handler was called", kind, test.data)
			}
		}
	}
}

func TestTimerThatDoesNotDecodeFails(t *testing.T) {
	c := handled(t, func(*tutti.Turn[room]) error { return nil })
	_, err := takeKind(c, turn.KindTimer, `{"Left":"x"}`)
	if _, ok := errors.AsType[*tutti.Rejection](err); ok || err == nil || !strings.HasPrefix(err.Error(), "category room: timer tick: decode: ") {
		t.Errorf("error %v, want a failure of timer tick", err)
	}
}

func TestEventThatDoesNotDecodeChangesNothing(t *testing.T) {
	c := newCounter().Untyped()
	for _, data := range []string{``, `{"by":"x"}`, `{"by":3}}`, `{"by":1e99}`} {
		state := &counter{N: 5}
		err := c.Events["added"].Apply(state, []byte(data))
		if err == nil || !strings.HasPrefix(err.Error(), "decode event added: ") || state.N != 5 {
			t.Errorf("Apply(%q) = %v, n is %d; want an error that names added, and 5", data, err, state.N)
		}
	}
	if _, err := c.DecodeState([]byte(`{"n":[]}`)); err == nil {
		t.Error("DecodeState of nonsense has no error")
	}
}

func TestEverythingIsCompact(t *testing.T) {
	c := tutti.NewCategory("t",
		tutti.OnCommand(func(t *tutti.Turn[spread], c spread) error {
			t.Emit(c)
			t.Reply(c)
			t.Broadcast(c)
			t.Tell(tutti.Entity{Category: "t", ID: "1"}, c)
			t.Schedule("", t.Now(), c)
			return nil
		}),
		tutti.OnQuery(func(*tutti.Turn[spread], spread) (json.RawMessage, error) {
			return json.RawMessage("{ \"a\":\r\n \"b\\nc\" }"), nil
		}),
		tutti.OnTimer(func(*tutti.Turn[spread], spread) error { return nil }),
		tutti.OnEvent(func(*spread, spread) {}),
		tutti.ViewEvent(func(e spread, _ string) (any, bool) { return e, true }),
		tutti.View(func(s *spread, _ string) any { return s }),
		tutti.Who(func(tutti.Claims) any { return spread{} }),
	)
	if c.Err() != nil {
		t.Fatal(c.Err())
	}
	u := c.Untyped()
	x := &turn.Turn{Category: u, Kind: turn.KindCommand}
	x.Now = x.Now.AddDate(2000, 0, 0)
	if err := u.Commands["spread"].Handle(x, &spread{}, nil); err != nil {
		t.Fatal(err)
	}
	all := map[string]func() ([]byte, error){
		"event":     func() ([]byte, error) { return x.Events[0].Data, nil },
		"reply":     func() ([]byte, error) { return x.Reply(&spread{}) },
		"broadcast": func() ([]byte, error) { return x.Effects[0].Data, nil },
		"told":      func() ([]byte, error) { return x.Tells[0].Data, nil },
		"timer":     func() ([]byte, error) { return x.Timers[0].Data, nil },
		"state":     func() ([]byte, error) { return u.EncodeState(&spread{}) },
		"view":      func() ([]byte, error) { return u.View(&spread{}, "") },
		"who":       func() ([]byte, error) { return u.Who(tutti.Claims{}) },
		"answer": func() ([]byte, error) {
			return u.Queries["spread"].Handle(&turn.Turn{Category: u, Kind: turn.KindQuery}, &spread{}, nil)
		},
		"event view": func() ([]byte, error) {
			data, _, err := u.Events["spread"].View([]byte("{}"), "")
			return data, err
		},
	}
	for name, f := range all {
		if got, err := f(); string(got) != `{"a":"b\nc"}` || err != nil {
			t.Errorf("%s = %q, %v; want one line", name, got, err)
		}
	}
}

// sealed encodes itself only through a pointer.
type sealed struct{ n int }

func (s *sealed) MarshalJSON() ([]byte, error)    { return json.Marshal(s.n) }
func (s *sealed) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &s.n) }

func TestPointerMarshalers(t *testing.T) {
	c := tutti.NewCategory("t",
		tutti.OnCommand(func(t *tutti.Turn[sealed], c sealed) error { t.Emit(c); t.Schedule("", t.Now(), c); return nil }),
		tutti.OnTimer(func(*tutti.Turn[sealed], sealed) error { return nil }),
		tutti.OnEvent(func(s *sealed, e sealed) { s.n += e.n }))
	if c.Err() != nil {
		t.Fatal(c.Err())
	}
	u := &turn.Turn{Category: c.Untyped(), Kind: turn.KindCommand}
	u.Now = u.Now.AddDate(2000, 0, 0)
	if err := c.Untyped().Commands["sealed"].Handle(u, &sealed{}, []byte("12")); err != nil {
		t.Fatal(err)
	}
	if got := string(u.Events[0].Data) + string(u.Timers[0].Data); got != "1212" {
		t.Errorf("event and timer = %s, want 12 twice", got)
	}
}

func TestUpcastAndViews(t *testing.T) {
	c := tutti.NewCategory("room",
		tutti.OnEvent(func(r *room, e said) { r.Lines = append(r.Lines, e) }),
		tutti.Upcast(toSaid),
		tutti.Upcast(func(s string) spoke { return spoke{s} }, tutti.Name("shout")),
		tutti.View(func(r *room, audience string) any { return map[string]any{audience: len(r.Lines)} }),
		tutti.ViewEvent(func(e said, audience string) (any, bool) { return e.Text + " for " + audience, audience != "deaf" }),
		tutti.Who(func(c tutti.Claims) any {
			if c.Subject == "" {
				return nil
			}
			return c.Subject
		}),
		tutti.Relay("typing"),
	)
	if c.Err() != nil {
		t.Fatal(c.Err())
	}
	u := c.Untyped()
	name, data := "shout", []byte(`"hey"`)
	for range 2 {
		up := u.Upcasts[name]
		converted, err := up.Convert(data)
		if err != nil {
			t.Fatal(err)
		}
		name, data = up.Name, converted
	}
	if name != "said" || string(data) != `{"Who":"","Text":"hey"}` {
		t.Errorf("upcast to %s %s", name, data)
	}
	if _, err := u.Upcasts["spoke"].Convert([]byte("3")); err == nil || !strings.HasPrefix(err.Error(), "decode event spoke: ") {
		t.Errorf("upcast of nonsense: %v", err)
	}
	state := &room{Lines: make([]said, 2)}
	if view, err := u.View(state, "all"); string(view) != `{"all":2}` || err != nil {
		t.Errorf("view = %s, %v", view, err)
	}
	if seen, ok, err := u.Events["said"].View(data, "all"); string(seen) != `"hey for all"` || !ok || err != nil {
		t.Errorf("view of the event = %s, %v, %v", seen, ok, err)
	}
	if seen, ok, err := u.Events["said"].View(data, "deaf"); seen != nil || ok || err != nil {
		t.Errorf("view of the hidden event = %s, %v, %v", seen, ok, err)
	}
	if _, _, err := u.Events["said"].View([]byte("3"), "all"); err == nil {
		t.Error("view of nonsense has no error")
	}
	if who, err := u.Who(tutti.Claims{}); who != nil || err != nil {
		t.Errorf("who = %s, %v, want nothing", who, err)
	}
	if who, err := u.Who(tutti.Claims{Subject: "ann"}); string(who) != `"ann"` || err != nil {
		t.Errorf("who = %s, %v", who, err)
	}
	if s, ok := u.Signals["typing"]; !ok || s.Handle != nil {
		t.Errorf("signal typing = %v, %v, want it relayed", s, ok)
	}
}

func TestOptions(t *testing.T) {
	c := tutti.NewCategory("room", tutti.With(tutti.Options{Ephemeral: true, SnapshotEvents: 7}), tutti.Relay("a")).Untyped()
	want := tutti.Options{Ephemeral: true, SnapshotEvents: 7}.WithDefaults()
	if c.Options != want || want.Mailbox == 0 {
		t.Errorf("options = %+v, want %+v", c.Options, want)
	}
	state := c.NewState()
	if data, err := c.EncodeState(state); string(data) != "{}" || err != nil {
		t.Errorf("a category without a state encodes %s, %v", data, err)
	}
}
