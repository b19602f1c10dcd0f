package tutti_test

import (
	"reflect"
	"testing"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/internal/turn"
)

type glance struct{ Lines int }

func TestTypes(t *testing.T) {
	c := tutti.NewCategory("room",
		tutti.OnCommand(onSay, tutti.Replies(said{}, 0)),
		tutti.OnEvent(onSaid),
		tutti.ViewEvent(func(said, string) (spoke, bool) { return spoke{}, true }),
		tutti.OnQuery(ask, tutti.Name("ask")),
		tutti.View(func(r *room, _ string) glance { return glance{len(r.Lines)} }),
		tutti.OnSignal(func(*tutti.Turn[room], clear) error { return nil }),
		tutti.RelayOf[*total](),
		tutti.Relay("typing"),
		tutti.Sends[left](),
		tutti.Who(func(c tutti.Claims) string { return c.Subject }),
	)
	if c.Err() != nil {
		t.Fatal(c.Err())
	}
	want := tutti.Types{
		State:  reflect.TypeFor[glance](),
		Who:    reflect.TypeFor[string](),
		Named:  true,
		Events: map[string]reflect.Type{"said": reflect.TypeFor[spoke]()},
		Commands: map[string]tutti.CommandTypes{
			"say": {Data: reflect.TypeFor[say](), Replies: []reflect.Type{reflect.TypeFor[said](), reflect.TypeFor[int]()}},
		},
		Queries:  map[string]tutti.QueryTypes{"ask": {Data: reflect.TypeFor[say](), Answer: reflect.TypeFor[said]()}},
		Signals:  map[string]reflect.Type{"clear": reflect.TypeFor[clear](), "total": reflect.TypeFor[*total](), "typing": nil},
		Messages: map[string]reflect.Type{"left": reflect.TypeFor[left](), "total": reflect.TypeFor[*total](), "typing": nil},
	}
	if got := c.Types(); !reflect.DeepEqual(got, want) {
		t.Errorf("Types() =\n%+v\nwant\n%+v", got, want)
	}
	c.Types().Events["other"] = nil
	if _, ok := c.Types().Events["other"]; ok {
		t.Error("what is done to the result of Types changes the category")
	}
}

func TestTypesThatAreNotTold(t *testing.T) {
	plain := tutti.NewCategory("room", tutti.OnCommand(onSay), tutti.OnEvent(onSaid)).Types()
	if plain.State != reflect.TypeFor[room]() || plain.Events["said"] != reflect.TypeFor[said]() || plain.Named || plain.Who != nil {
		t.Errorf("Types() without views = %+v, want those of state and events", plain)
	}
	if got := plain.Commands["say"].Replies; len(got) != 0 {
		t.Errorf("Types() without Replies has the replies %v", got)
	}
	vague := tutti.NewCategory("room", tutti.View(look), tutti.OnEvent(onSaid), tutti.ViewEvent(lookSaid), tutti.Who(who)).Types()
	if vague.State != nil || vague.Events["said"] != nil || vague.Who != nil || !vague.Named {
		t.Errorf("Types() of views that return any = %+v, want nothing of state, event and who", vague)
	}
}

// TestDeclaredTypesAreKept is about replies and messages of other types than those that are declared.
func TestDeclaredTypesAreKept(t *testing.T) {
	for _, test := range []struct {
		name string
		h    func(t *tutti.Turn[room])
		ok   bool
	}{
		{"a reply", func(t *tutti.Turn[room]) { t.Reply(total{1}) }, true},
		{"a later reply", func(t *tutti.Turn[room]) { t.ReplyWith(func(*room) any { return total{1} }) }, true},
		{"no reply", func(*tutti.Turn[room]) {}, true},
		{"another reply", func(t *tutti.Turn[room]) { t.Reply(1) }, false},
		{"nil", func(t *tutti.Turn[room]) { t.Reply(nil) }, false},
		{"another later reply", func(t *tutti.Turn[room]) { t.ReplyWith(func(*room) any { return 1 }) }, false},
		{"a message", func(t *tutti.Turn[room]) { t.Broadcast(left{}) }, true},
		{"a pointer to one", func(t *tutti.Turn[room]) { t.Broadcast(&left{}, tutti.Name("left")) }, true},
		{"another message", func(t *tutti.Turn[room]) { t.SendTo("m", total{}) }, true},
		{"another one of that name", func(t *tutti.Turn[room]) { t.Broadcast(total{}, tutti.Name("left")) }, false},
		{"a command of that name", func(t *tutti.Turn[room]) {
			t.Tell(tutti.Entity{Category: "hall", ID: "1"}, total{}, tutti.Name("left"))
		}, true},
	} {
		c := tutti.NewCategory("room", tutti.OnCommand(func(u *tutti.Turn[room], _ say) error {
			test.h(u)
			return nil
		}, tutti.Replies(total{})), tutti.Sends[left]())
		if c.Err() != nil {
			t.Fatal(c.Err())
		}
		u, err := takeKind(c.Untyped(), turn.KindCommand, `{}`)
		if err == nil && u.Reply != nil {
			_, err = u.Reply(c.Untyped().NewState())
		}
		if (err == nil) != test.ok {
			t.Errorf("%s: error %v, want one: %v", test.name, err, !test.ok)
		}
	}
}
