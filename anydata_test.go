package tutti_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/internal/turn"
)

// TestAnyCommandData expects of any bytes that they are rejected as invalid, or become a command
// whose event folds into a state with the same JSON.
func TestAnyCommandData(t *testing.T) {
	type filled form
	c := tutti.NewCategory("t",
		tutti.OnCommand(func(t *tutti.Turn[form], f form) error { t.Emit(filled(f)); return nil }),
		tutti.OnEvent(func(s *form, e filled) { *s = form(e) }))
	if c.Err() != nil {
		t.Fatal(c.Err())
	}
	u := c.Untyped()
	tokens := rapid.SampledFrom([]string{
		"{", "}", "[", "]", ",", ":", " ", "\n", "null", "true", "0", "-1", "300", "1e9", "1.5", `"x"`, `"\ud800"`, "\xff",
		`{"name":`, `"age":`, `"size":`, `"Exact":`, `"Sure":`, `"List":`, `"deep":{"X":`, `"\u2028\n"`,
	})
	text := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(tokens, 0, 12).Draw(t, "tokens"), "") })
	object := rapid.Custom(func(t *rapid.T) string {
		return "{" + strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{
			`"name":"a<b\u2028"`, `"age":-128`, `"age":128`, `"size":65535`, `"Exact":1e300`, `"Exact":1e400`, `"Sure":true`,
			`"List":[1,2]`, `"List":[null]`, `"deep":{"X":1,"Z":{}}`, `"other":[[]]`, `"NAME":"b"`, `"name":null`,
		}), 0, 6).Draw(t, "members"), ",") + "}"
	})
	valid := 0
	rapid.Check(t, func(t *rapid.T) {
		data := []byte(rapid.OneOf(text, object, rapid.String()).Draw(t, "data"))
		x := &turn.Turn{Category: u, Kind: turn.KindCommand}
		if err := u.Commands["form"].Handle(x, u.NewState(), data); err != nil {
			if r, ok := err.(*tutti.Rejection); !ok || r.Code != "invalid" || len(x.Events) > 0 {
				t.Fatalf("error %v with %d events, want the rejection invalid", err, len(x.Events))
			}
			return
		}
		valid++
		state := u.NewState()
		if err := u.Events["filled"].Apply(state, x.Events[0].Data); err != nil {
			t.Fatalf("apply %s: %v", x.Events[0].Data, err)
		}
		if again, err := u.EncodeState(state); err != nil || string(again) != string(x.Events[0].Data) {
			t.Fatalf("event %s became %s, %v", x.Events[0].Data, again, err)
		}
	})
	if valid == 0 {
		t.Error("nothing was valid")
	}
}
