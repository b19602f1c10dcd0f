package wire_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tutti-rt/tutti/wire"
)

func split(text string) ([]string, error) {
	var all []string
	err := wire.SplitArray([]byte(text), func(e []byte) error {
		all = append(all, string(e))
		return nil
	})
	return all, err
}

func TestSplitArray(t *testing.T) {
	for text, want := range map[string][]string{
		`[]`:                               nil,
		` [ ] `:                            nil,
		`[1]`:                              {`1`},
		` [ {"a":[1,"],"]} , "x]" ,null ]`: {`{"a":[1,"],"]}`, `"x]"`, `null`},
		"[[],\n[[]]]":                      {`[]`, `[[]]`},
	} {
		if got, err := split(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("SplitArray(%s) = %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{``, `{}`, `[`, `[1`, `[1,`, `[1,]`, `[,]`, `[1 2]`, `[]]`, `[1][2]`, `1`, `["`} {
		if got, err := split(text); !errors.Is(err, wire.ErrJSON) || got != nil {
			t.Errorf("SplitArray(%s) = %q, %v, want ErrJSON and nothing taken", text, got, err)
		}
	}
	if _, err := split("[\"\xff\"]"); !errors.Is(err, wire.ErrUTF8) {
		t.Errorf("SplitArray of no UTF-8 = %v, want ErrUTF8", err)
	}
	deep := strings.Repeat("[", 513) + strings.Repeat("]", 513)
	if _, err := split("[" + deep + "]"); !errors.Is(err, wire.ErrJSON) {
		t.Errorf("SplitArray of what is nested 514 deep = %v, want ErrJSON", err)
	}
}

func TestSplitArrayStops(t *testing.T) {
	stop, taken := errors.New("enough"), 0
	err := wire.SplitArray([]byte(`[1,2,3]`), func([]byte) error {
		if taken++; taken == 2 {
			return stop
		}
		return nil
	})
	if err != stop || taken != 2 {
		t.Errorf("SplitArray = %v after %d elements, want the error of the second", err, taken)
	}
}

func FuzzSplitArray(f *testing.F) {
	f.Add(`[]`)
	f.Add(` [{"type":"event","data":"],["} , 1e5,[[]] ]`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := split(text)
		var want []json.RawMessage
		wrong := json.Unmarshal([]byte(text), &want)
		if wrong == nil && want == nil {
			wrong = errors.New("null")
		}
		if err != nil {
			// What encoding/json mends or allows and the protocol does not: other encodings, deep nesting.
			if wrong == nil && !errors.Is(err, wire.ErrUTF8) && strings.Count(text, "[")+strings.Count(text, "{") < wire.MaxDepth {
				t.Fatalf("SplitArray(%q) = %v, encoding/json takes it", text, err)
			}
			return
		}
		if wrong != nil || len(got) != len(want) {
			t.Fatalf("SplitArray(%q) = %q, encoding/json: %q, %v", text, got, want, wrong)
		}
		for i := range got {
			if got[i] != string(want[i]) {
				t.Fatalf("SplitArray(%q)[%d] = %q, want %q", text, i, got[i], want[i])
			}
		}
	})
}
