package demo_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/cmd/tutti/demo"
	"github.com/tutti-rt/tutti/internal/text"
	"github.com/tutti-rt/tutti/tuttitest"
)

// command is a command as clients write it, so that the names on the wire are specified too.
func command(name, data string) tuttitest.Raw { return tuttitest.Raw{Name: name, Data: data} }

func TestCategoriesHaveNoMistakes(t *testing.T) {
	var names []string
	for _, c := range demo.Categories() {
		if err := c.Err(); err != nil {
			t.Errorf("category %s: %v", c.Name(), err)
		}
		names = append(names, c.Name())
	}
	if got, want := strings.Join(names, " "), "counter room pad board"; got != want {
		t.Errorf("categories %q, want %q", got, want)
	}
}

func TestSignals(t *testing.T) {
	for category, name := range map[*tutti.Category]string{demo.Rooms: "typing", demo.Pads: "caret", demo.Boards: "pointer"} {
		if s, ok := category.Untyped().Signals[name]; !ok || s.Handle != nil {
			t.Errorf("category %s: signal %s is relayed = %t, want true", category.Name(), name, ok && s.Handle == nil)
		}
		if who, err := category.Untyped().Who(tutti.Claims{Subject: "ann"}); string(who) != `"ann"` || err != nil {
			t.Errorf("category %s: Who = %s, %v, want the subject", category.Name(), who, err)
		}
	}
}

func TestCounter(t *testing.T) {
	tuttitest.Given(t, demo.Counters).
		When(command("add", `{"by":3}`)).Then(tuttitest.Raw{Name: "added", Data: `{"by":3}`}).ThenReply(tuttitest.Raw{Data: `{"n":3}`}).
		When(demo.Add{By: -1_000_000}).Then(demo.Added{By: -1_000_000}).ThenReply(demo.Counter{N: -999_997}).
		When(demo.Add{By: 1_000_000}).Then(demo.Added{By: 1_000_000}).
		ThenView("", tuttitest.Raw{Data: `{"n":3}`}).
		WhenAsked(command("get", `{}`)).ThenAnswer(tuttitest.Raw{Data: `{"n":3}`})
}

func TestCounterRejects(t *testing.T) {
	for _, data := range []string{
		`{"by":0}`, `{}`, `null`, `{"by":1000001}`, `{"by":-1000001}`, `{"by":9223372036854775807}`, `{"by":-9223372036854775808}`,
		`{"by":1e40}`, `{"by":1.5}`, `{"by":"1"}`, `{"by":[1]}`, `[]`, `7`,
	} {
		tuttitest.Given(t, demo.Counters).When(command("add", data)).ThenRejects("invalid").ThenState(demo.Counter{})
	}
}

func TestCounterStaysWithinExactNumbers(t *testing.T) {
	const most = 1<<53 - 1
	tuttitest.Given(t, demo.Counters, demo.Added{By: most - 1}).
		When(demo.Add{By: 2}).ThenRejects("invalid").
		When(demo.Add{By: 1}).ThenReply(demo.Counter{N: most})
	tuttitest.Given(t, demo.Counters, demo.Added{By: -most}).
		When(demo.Add{By: -1}).ThenRejects("invalid").
		When(demo.Add{By: 1}).ThenReply(demo.Counter{N: 1 - most})
}

func TestRoom(t *testing.T) {
	tuttitest.Given(t, demo.Rooms).
		When(command("say", `{"text":"hello"}`), tuttitest.As("ann")).
		Then(tuttitest.Raw{Name: "said", Data: `{"who":"ann","text":"hello"}`}).
		ThenView("", tuttitest.Raw{Data: `{"lines":[{"who":"ann","text":"hello"}],"count":1}`})
	tuttitest.Given(t, demo.Rooms).ThenView("", tuttitest.Raw{Data: `{"lines":[],"count":0}`})
}

func TestRoomCountsCodePoints(t *testing.T) {
	tuttitest.Given(t, demo.Rooms).
		When(demo.Say{Text: strings.Repeat("😀", 2000)}, tuttitest.As("ann")).Then(demo.Said{Who: "ann", Text: strings.Repeat("😀", 2000)}).
		When(demo.Say{Text: strings.Repeat("x", 2001)}).ThenRejects("invalid").
		When(demo.Say{}).ThenRejects("invalid").
		When(command("say", `{"text":7}`)).ThenRejects("invalid").
		When(command("say", `{"text":null}`)).ThenRejects("invalid")
}

func TestRoomKeepsTheLastHundredLines(t *testing.T) {
	var events []any
	var want demo.Room
	for i := range 250 {
		e := demo.Said{Who: "ann", Text: strings.Repeat("x", i+1)}
		events = append(events, e)
		if i >= 150 {
			want.Lines = append(want.Lines, e)
		}
	}
	want.Count = 250
	tuttitest.Given(t, demo.Rooms, events...).ThenState(want).ThenView("", want)
}

func TestPad(t *testing.T) {
	tuttitest.Given(t, demo.Pads).ThenView("", tuttitest.Raw{Data: `{"text":""}`}).
		When(command("edit", `{"patches":[[0,0,"h😀llo"],[1,1,"e"],[5,0,"!"]]}`)).
		Then(tuttitest.Raw{Name: "edited", Data: `{"patches":[[0,0,"h😀llo"],[1,1,"e"],[5,0,"!"]]}`}).
		ThenView("", tuttitest.Raw{Data: `{"text":"hello!"}`}).
		When(demo.Edit{Patches: text.Patches{{At: 0, Delete: 6, Insert: "\x00\u2028<𝄞>"}}}).
		WhenAsked(command("text", `{}`)).ThenAnswer(tuttitest.Raw{Data: `{"text":"\u0000\u2028<𝄞>"}`})
}

func TestPadRejectsWhole(t *testing.T) {
	for _, data := range []string{
		`{"patches":[[0,0,"x"],[5,0,"y"]]}`, `{"patches":[[0,0,"x"],[0,5,""]]}`, `{"patches":[[4,0,"x"]]}`, `{"patches":[[0,4,""]]}`,
		`{"patches":[[-1,0,"x"]]}`, `{"patches":[[0,-1,"x"]]}`, `{"patches":[[2147483647,2147483647,"x"]]}`,
		`{"patches":[[0,0]]}`, `{"patches":[[0,0,"x",1]]}`, `{"patches":[["0",0,"x"]]}`, `{"patches":[[0.5,0,"x"]]}`, `{"patches":{}}`,
		`{"patches":null}`, `{}`, `null`, `[[0,0,"x"]]`,
	} {
		tuttitest.Given(t, demo.Pads, demo.Edited{Patches: text.Patches{{Insert: "a😀b"}}}).
			When(command("edit", data)).ThenRejects("invalid").
			ThenState(demo.Pad{Text: text.New("a😀b")})
	}
}

func TestPadWithoutPatchesChangesNothing(t *testing.T) {
	tuttitest.Given(t, demo.Pads).When(command("edit", `{"patches":[]}`)).Then()
}

func TestPadHasABound(t *testing.T) {
	full := text.Patches{{Insert: strings.Repeat("日", 4<<20/3)}} // one byte short of 4 MiB
	tuttitest.Given(t, demo.Pads, demo.Edited{Patches: full}).
		When(demo.Edit{Patches: text.Patches{{Insert: "é"}}}).ThenRejects("too_large").
		When(demo.Edit{Patches: text.Patches{{At: 7, Delete: 1, Insert: "xyz"}}}).Then(demo.Edited{Patches: text.Patches{{At: 7, Delete: 1, Insert: "xyz"}}}).
		When(demo.Edit{Patches: text.Patches{{Insert: "x"}}}).Then(demo.Edited{Patches: text.Patches{{Insert: "x"}}}).
		When(demo.Edit{Patches: text.Patches{{Insert: "x"}}}).ThenRejects("too_large")
}

func TestBoard(t *testing.T) {
	pixels := make([]byte, 256*256)
	view := func() demo.Picture { return demo.Picture{W: 256, H: 256, Pixels: pixels} }
	s := tuttitest.Given(t, demo.Boards).ThenView("", view()).
		When(command("paint", `{"x":255,"y":0,"color":15}`)).
		Then(tuttitest.Raw{Name: "painted", Data: `{"x":255,"y":0,"color":15}`})
	pixels[255] = 15
	s.ThenView("", tuttitest.Raw{Data: `{"w":256,"h":256,"pixels":"` + base64.StdEncoding.EncodeToString(pixels) + `"}`})
	s.When(command("paint", `{"x":3,"y":2,"color":0}`)).When(command("paint", `{"x":3,"y":2,"color":7}`))
	pixels[2*256+3] = 7
	s.ThenView("", view())
}

func TestBoardRejects(t *testing.T) {
	for _, data := range []string{
		`{"x":256,"y":0,"color":1}`, `{"x":0,"y":256,"color":1}`, `{"x":0,"y":0,"color":16}`, `{"x":-1,"y":0,"color":1}`,
		`{"x":0,"y":0,"color":-1}`, `{"x":0.5,"y":0,"color":1}`, `{"x":"0","y":0,"color":1}`, `{"y":0,"color":1}`, `{"x":0,"color":1}`,
		`{"x":0,"y":0}`, `{}`, `null`,
	} {
		tuttitest.Given(t, demo.Boards).When(command("paint", data)).ThenRejects("invalid").ThenState(demo.Board{})
	}
}
