package text_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/tutti-rt/tutti/internal/text"
)

func TestPatchesRefuseOtherShapes(t *testing.T) {
	for _, in := range []string{
		`{}`, `"x"`, `1`, `true`, `[1]`, `[[]]`, `[[1]]`, `[[1,2]]`, `[[1,2,3]]`, `[[1,2,"a",4]]`, `[["1",2,"a"]]`,
		`[[1.0,2,"a"]]`, `[[1e2,2,"a"]]`, `[[-1,2,"a"]]`, `[[1,-2,"a"]]`, `[[null,0,"a"]]`, `[[0,0,null]]`, `[null]`,
		`[[4294967296,0,"a"]]`, `[[99999999999999999999,0,"a"]]`, `[[[0,0,"a"]]]`, `[{"0":1}]`, `[[0,0,"a"],3]`,
	} {
		p := text.Patches{{At: 7}}
		if err := json.Unmarshal([]byte(in), &p); err == nil {
			t.Errorf("Unmarshal(%s) = %v, want an error", in, p)
		}
		if len(p) != 1 || p[0].At != 7 {
			t.Errorf("Unmarshal(%s) failed and left %v", in, p)
		}
	}
}

func TestPatchesAcceptTheirShape(t *testing.T) {
	for in, want := range map[string]text.Patches{
		`[]`:         {},
		`[[0,0,""]]`: {{}},
		` [ [ 1 ,	2 , "a\"\\\u00e9\ud83d\ude00\n" ] , [0,0,"]"] ] `: {{At: 1, Delete: 2, Insert: "a\"\\é😀\n"}, {Insert: "]"}},
		`[[3,0,"\\"],[4,0,"b"]]`:                                    {{At: 3, Insert: `\`}, {At: 4, Insert: "b"}},
	} {
		var got text.Patches
		if err := json.Unmarshal([]byte(in), &got); err != nil {
			t.Errorf("Unmarshal(%s) = %v", in, err)
		}
		if got == nil || !slices.Equal(got, want) {
			t.Errorf("Unmarshal(%s) = %v, want %v", in, got, want)
		}
	}
}

// FuzzPatches compares the decoder with encoding/json reading the same shape through interfaces.
func FuzzPatches(f *testing.F) {
	for _, s := range []string{
		`[[0,0,"a"]]`, `[]`, `null`, `[[1,2,"\ud800"],[3,4,"\u2028\u0000"]]`, `[[1,2]]`, `[[01,2,"a"]]`, `[[1,2,"a"],]`,
		`[[1,2,"a\"]]`, `[[1,2,"` + "\xff" + `"]]`, `[[1,2,"` + "\n" + `"]]`, `[[1,2,"a"]]x`, `[[-0,0,""]]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got text.Patches
		err := got.UnmarshalJSON(data)
		want, ok := reference(data)
		if ok != (err == nil) {
			t.Fatalf("UnmarshalJSON(%q) = %v, reference says %t", data, err, ok)
		}
		if err != nil {
			return
		}
		if !slices.Equal(got, want) {
			t.Fatalf("UnmarshalJSON(%q) = %v, want %v", data, got, want)
		}
		encoded, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var again text.Patches
		if err := json.Unmarshal(encoded, &again); err != nil || !slices.Equal(got, again) {
			t.Fatalf("%v encodes to %s, which decodes to %v, %v", got, encoded, again, err)
		}
	})
}

// reference decodes patches the slow way, and reports whether data has their shape.
func reference(data []byte) (text.Patches, bool) {
	var all []json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, false
	}
	var p text.Patches
	for _, raw := range all {
		var parts []json.RawMessage
		if err := json.Unmarshal(raw, &parts); err != nil || len(parts) != 3 {
			return nil, false
		}
		var at, deleted int32
		var insert string
		for i, to := range []any{&at, &deleted, &insert} {
			if bytes.Equal(parts[i], []byte("null")) || i < 2 && bytes.HasPrefix(parts[i], []byte("-")) {
				return nil, false
			}
			if err := json.Unmarshal(parts[i], to); err != nil {
				return nil, false
			}
		}
		p = append(p, text.Patch{At: int(at), Delete: int(deleted), Insert: insert})
	}
	return p, true
}
