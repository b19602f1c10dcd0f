package text_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/tutti-rt/tutti/internal/text"
	"pgregory.net/rapid"
)

// runes draws texts with everything that encoders get wrong: NUL, quotes, line separators, code
// points of two, three and four bytes, and the replacement character itself.
func runes(maxLen int) *rapid.Generator[string] {
	odd := []rune{0, 1, '\n', '\r', '"', '\\', '<', '&', 0x7f, 'é', 0x2028, 0x2029, 0xd7ff, 0xe000, 0xfffd, 0xffff, '😀', 0x10ffff}
	one := rapid.OneOf(rapid.RuneFrom([]rune("abc ")), rapid.RuneFrom(odd))
	return rapid.StringOfN(one, -1, maxLen, -1)
}

// patchFor draws a patch that fits a text of length code points.
func patchFor(t *rapid.T, length int) text.Patch {
	at := rapid.IntRange(0, length).Draw(t, "at")
	var deleted int
	if rapid.Bool().Draw(t, "far") {
		deleted = rapid.IntRange(0, length-at).Draw(t, "deleted")
	} else {
		deleted = min(rapid.IntRange(0, 3).Draw(t, "deleted"), length-at)
	}
	return text.Patch{At: at, Delete: deleted, Insert: runes(rapid.SampledFrom([]int{0, 2, 900, 3000}).Draw(t, "size")).Draw(t, "insert")}
}

func TestApplyAgreesWithSliceOfRunes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := runes(2000).Draw(t, "start")
		got, want := text.New(start), []rune(start)
		for range rapid.IntRange(1, 30).Draw(t, "edits") {
			var p text.Patches
			for range rapid.IntRange(1, 3).Draw(t, "patches") {
				c := patchFor(t, len(want))
				p = append(p, c)
				want = slices.Replace(want, c.At, c.At+c.Delete, []rune(c.Insert)...)
			}
			before := got.String()
			after, err := got.Apply(p)
			if err != nil {
				t.Fatalf("Apply(%v) = %v", p, err)
			}
			if got.String() != before {
				t.Fatalf("Apply(%v) changed the text that it was called on", p)
			}
			got = after
			if s := got.String(); s != string(want) {
				t.Fatalf("after %v: %q, want %q", p, s, string(want))
			}
			if got.Len() != len(want) || got.Size() != len(string(want)) {
				t.Fatalf("Len, Size = %d, %d, want %d, %d", got.Len(), got.Size(), len(want), len(string(want)))
			}
		}
	})
}

func TestApplyRefusesWholeWhenOnePatchDoesNotFit(t *testing.T) {
	const start = "häß😀" // 4 code points, 10 bytes
	for name, p := range map[string]text.Patches{
		"position beyond the end":            {{At: 5}},
		"negative position":                  {{At: -1}},
		"negative count":                     {{At: 1, Delete: -1}},
		"deletes beyond the end":             {{At: 3, Delete: 2}},
		"overflowing sum":                    {{At: 4, Delete: int(^uint(0) >> 1)}},
		"second beyond what the first left":  {{At: 0, Delete: 3}, {At: 2, Insert: "x"}},
		"second beyond what the first added": {{At: 0, Insert: "😀"}, {At: 6, Insert: "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			before := text.New(start)
			after, err := before.Apply(p)
			if !errors.Is(err, text.ErrRange) {
				t.Errorf("Apply(%v) error = %v, want ErrRange", p, err)
			}
			if before.String() != start || after.String() != start {
				t.Errorf("Apply(%v) left %q and returned %q, want %q", p, before, after, start)
			}
		})
	}
}

func TestCheckAgreesWithApply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := text.New(runes(20).Draw(t, "text"))
		var p text.Patches
		for range rapid.IntRange(0, 4).Draw(t, "patches") {
			p = append(p, text.Patch{
				At:     rapid.IntRange(-1, 25).Draw(t, "at"),
				Delete: rapid.IntRange(-1, 10).Draw(t, "deleted"),
				Insert: runes(5).Draw(t, "insert"),
			})
		}
		length, checkErr := p.Check(x.Len())
		after, err := x.Apply(p)
		if (checkErr == nil) != (err == nil) {
			t.Fatalf("Check(%v) = %v, but Apply = %v", p, checkErr, err)
		}
		if err == nil && after.Len() != length {
			t.Fatalf("Check(%v) = %d, but Apply gave %d code points", p, length, after.Len())
		}
	})
}

func TestJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := runes(3000).Draw(t, "text")
		data, err := json.Marshal(struct{ Text text.Text }{text.New(want)})
		if err != nil {
			t.Fatal(err)
		}
		var back struct{ Text text.Text }
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatal(err)
		}
		if got := back.Text.String(); got != want {
			t.Fatalf("round trip of %q = %q", want, got)
		}
		var plain struct{ Text string }
		if err := json.Unmarshal(data, &plain); err != nil || plain.Text != want {
			t.Fatalf("decoded as a string: %q, %v, want %q", plain.Text, err, want)
		}
	})
}

func TestBytesThatAreNotUTF8BecomeReplacementCharacters(t *testing.T) {
	half := "\xf0\x9f" // the first half of 😀
	x := text.New("a" + half)
	x, err := x.Apply(text.Patches{{At: 3, Insert: "\x98\x80"}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := x.String(), "a\uFFFD\uFFFD\uFFFD\uFFFD"; got != want {
		t.Errorf("two halves of a code point = %q, want %q", got, want)
	}
	var p text.Patches
	if err := json.Unmarshal([]byte(`[[0,0,"\ud83d"],[1,0,"x\ude00"]]`), &p); err != nil {
		t.Fatal(err)
	}
	if want := (text.Patches{{Insert: "\uFFFD"}, {At: 1, Insert: "x\uFFFD"}}); !slices.Equal(p, want) {
		t.Errorf("lone surrogates = %v, want %v", p, want)
	}
}

func TestPiecesStayFew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := text.New(string(slices.Repeat([]byte("0123456789"), 2000)))
		for range 300 {
			at := rapid.IntRange(0, x.Len()).Draw(t, "at")
			deleted := min(rapid.SampledFrom([]int{0, 1, 60, 700}).Draw(t, "deleted"), x.Len()-at)
			insert := rapid.SampledFrom([]string{"", "x", "日本語", string(slices.Repeat([]byte("y"), 400))}).Draw(t, "insert")
			var err error
			if x, err = x.Apply(text.Patches{{At: at, Delete: deleted, Insert: insert}}); err != nil {
				t.Fatal(err)
			}
		}
		n := 0
		for s := range x.Pieces() {
			n++
			if len(s) == 0 || len(s) > 512 || !utf8.ValidString(s) {
				t.Fatalf("piece of %d bytes, valid %t", len(s), utf8.ValidString(s))
			}
		}
		if most := 8 + x.Size()/100; n > most {
			t.Errorf("%d bytes in %d pieces, want at most %d", x.Size(), n, most)
		}
	})
}
