package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/tutti-rt/tutti/wire"
)

func TestDecodeClientFrame(t *testing.T) {
	for line, want := range map[string]wire.ClientFrame{
		`{"type":"command","id":17,"name":"say","data":{"text":"x"}}`:                      {Type: wire.TypeCommand, ID: 17, Name: "say", Data: []byte(`{"text":"x"}`)},
		` { "id" : 9007199254740991 , "name":"s\u0061y", "type":"command", "more":[{}] } `: {Type: wire.TypeCommand, ID: 1<<53 - 1, Name: "say", Data: []byte("null")},
		`{"ty\u0070e":"command","id":1,"name":"","expect":0,"trace":true}`:                 {Type: wire.TypeCommand, ID: 1, Data: []byte("null"), HasExpect: true, Trace: true},
		`{"type":"command","id":1,"id":2,"name":"a","expect":null,"trace":null}`:           {Type: wire.TypeCommand, ID: 2, Name: "a", Data: []byte("null")},
		`{"type":"query","id":1,"name":"get","consistency":"eventual","max_age_ms":50}`:    {Type: wire.TypeQuery, ID: 1, Name: "get", Data: []byte("null"), Consistency: wire.Eventual, MaxAge: 50},
		`{"type":"query","id":1,"name":"get","expect":"ignored here"}`:                     {Type: wire.TypeQuery, ID: 1, Name: "get", Data: []byte("null")},
		`{"type":"signal","name":"cursor","data":[1, 2]}`:                                  {Type: wire.TypeSignal, Name: "cursor", Data: []byte("[1, 2]")},
		`{"type":"presence","data":{"x":1}}`:                                               {Type: wire.TypePresence, Data: []byte(`{"x":1}`)},
		`{"type":"ping","t":1.5e3}`:                                                        {Type: wire.TypePing, T: []byte("1.5e3")},
		`{"type":"ping"}`:                                                                  {Type: wire.TypePing, T: []byte("null")},
		`{"type":"ping","t":1,"up":0,"down":60000000}`:                                     {Type: wire.TypePing, T: []byte("1"), HasUp: true, Down: 60_000_000, HasDown: true},
		`{"type":"ping","down":7,"up":null}`:                                               {Type: wire.TypePing, T: []byte("null"), Down: 7, HasDown: true},
		`{"type":"leave","up":"ignored here"}`:                                             {Type: wire.TypeLeave},
		`{"type":"auth","token":"a.b\/c"}`:                                                 {Type: wire.TypeAuth, Token: "a.b/c"},
		`{"type":"leave","id":"ignored here"}`:                                             {Type: wire.TypeLeave},
	} {
		got, err := wire.DecodeClientFrame([]byte(line))
		if err != nil {
			t.Errorf("DecodeClientFrame(%s) = %v", line, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("DecodeClientFrame(%s): -want +got\n%s", line, diff)
		}
	}
}

func TestDecodeClientFrameRefuses(t *testing.T) {
	for _, c := range []struct{ line, says string }{
		{``, "object expected"},
		{`[]`, "object expected"},
		{`null`, "object expected"},
		{`{"type":"command"`, "closing brace expected"},
		{`{"type":"command"} {}`, "one object expected"},
		{`{"type":"command",}`, "string expected"},
		{`{type:"command"}`, "string expected"},
		{`{"type":"ping","t":01}`, "closing brace expected"},
		{`{"type":"ping","t":1.}`, "digit expected"},
		{`{"type":"ping","t":-}`, "digit expected"},
		{`{"type":"ping","t":1e}`, "digit expected"},
		{`{"type":"ping","t":tru}`, "true expected"},
		{`{"type":"ping","t":"` + "\t" + `"}`, "control character"},
		{`{"type":"ping","t":"\x"}`, "unknown escape"},
		{`{"type":"ping","t":"\u12g4"}`, "unknown escape"},
		{`{"type":"ping","t":"`, "without end"},
		{`{"type":"ping","t":[1 2]}`, "closing bracket expected"},
		{`{}`, "type has to be a string"},
		{`{"type":7}`, "type has to be a string"},
		{`{"type":"command","id":0,"name":"x"}`, "id has to be"},
		{`{"type":"command","id":-1,"name":"x"}`, "id has to be"},
		{`{"type":"command","id":1.0,"name":"x"}`, "id has to be"},
		{`{"type":"command","id":"1","name":"x"}`, "id has to be"},
		{`{"type":"command","id":9007199254740992,"name":"x"}`, "id has to be"},
		{`{"type":"command","id":99999999999999999999,"name":"x"}`, "id has to be"},
		{`{"type":"command","name":"x"}`, "id has to be"},
		{`{"type":"command","id":1}`, "name has to be"},
		{`{"type":"query","id":1,"name":null}`, "name has to be"},
		{`{"type":"signal","name":1}`, "name has to be"},
		{`{"type":"command","id":1,"name":"x","expect":-1}`, "expect has to be"},
		{`{"type":"command","id":1,"name":"x","trace":"yes"}`, "trace has to be"},
		{`{"type":"query","id":1,"name":"x","consistency":"strong"}`, "consistency has to be"},
		{`{"type":"query","id":1,"name":"x","max_age_ms":1.5}`, "max_age_ms has to be"},
		{`{"type":"ping","up":-1}`, "up has to be"},
		{`{"type":"ping","up":60000001}`, "up has to be"},
		{`{"type":"ping","up":1.5}`, "up has to be"},
		{`{"type":"ping","up":1,"down":"2"}`, "down has to be"},
		{`{"type":"ping","down":99999999999999999999}`, "down has to be"},
		{`{"type":"auth"}`, "token has to be"},
		{`{"type":"ping","t":` + strings.Repeat("[", 1e6), "nesting too deep"},
		{`{"type":"ping","t":` + strings.Repeat(`{"a":`, 1e6), "nesting too deep"},
	} {
		_, err := wire.DecodeClientFrame([]byte(c.line))
		if !errors.Is(err, wire.ErrFrame) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("DecodeClientFrame(%.60s) = %v, want ErrFrame that says %q", c.line, err, c.says)
		}
	}
	if _, err := wire.DecodeClientFrame([]byte(`{"type":"hello"}`)); !errors.Is(err, wire.ErrUnknownType) {
		t.Errorf("DecodeClientFrame of type hello = %v, want ErrUnknownType", err)
	}
	if _, err := wire.DecodeClientFrame([]byte("{\"type\":\"ping\",\"t\":\"\xff\"}")); !errors.Is(err, wire.ErrUTF8) {
		t.Errorf("DecodeClientFrame of a text that is not UTF-8 = %v, want ErrUTF8", err)
	}
	deep := strings.Repeat("[", wire.MaxDepth-1) + strings.Repeat("]", wire.MaxDepth-1)
	if _, err := wire.DecodeClientFrame([]byte(`{"type":"ping","t":` + deep + `}`)); err != nil {
		t.Errorf("DecodeClientFrame of %d levels = %v", wire.MaxDepth, err)
	}
	if _, err := wire.DecodeClientFrame([]byte(`{"type":"ping","t":[` + deep + `]}`)); err == nil {
		t.Errorf("DecodeClientFrame of %d levels succeeded", wire.MaxDepth+1)
	}
}

func TestCompactJSON(t *testing.T) {
	for src, want := range map[string]string{
		" { \"a b\" : [ 1 , \"\\\" \\\\\" ,\r\n\t true ] } \n": `{"a b":[1,"\" \\",true]}`,
		`1`:        `1`,
		` "x" `:    `"x"`,
		`[ ]`:      `[]`,
		`{"a":{}}`: `{"a":{}}`,
	} {
		got, err := wire.CompactJSON([]byte("x"), []byte(src))
		if err != nil || string(got) != "x"+want {
			t.Errorf("CompactJSON(%q) = %s, %v, want x%s", src, got, err, want)
		}
	}
	for _, src := range []string{"", " ", "1 2", "{", "[1,]", "\xff", "\"\xff\""} {
		if got, err := wire.CompactJSON([]byte("x"), []byte(src)); err == nil || string(got) != "x" {
			t.Errorf("CompactJSON(%q) = %s, %v, want x and an error", src, got, err)
		}
	}
}

// FuzzDecodeClientFrame compares the scanner with encoding/json: both have to agree on what is
// JSON, on the texts of the members, and on the way back.
func FuzzDecodeClientFrame(f *testing.F) {
	for _, s := range []string{
		`{"type":"command","id":17,"name":"say","data":{"text":"x","y":[1,-2.5e+3,true,null]},"expect":4,"trace":true}`,
		`{"type":"query","id":1,"name":"a\n\ud83d\ude00","consistency":"session"}`,
		`{"type":"ping","t":"\u2028","up":1200,"down":0}`, `{"type":"auth","token":"\\"}`, `{"type":"leave"}`, `[[{}]]`, ` {"a" : 1 } `,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		compact, err := wire.CompactJSON(nil, line)
		var buf bytes.Buffer
		want := json.Compact(&buf, line) == nil && utf8.Valid(line)
		if want != (err == nil) && depth(line) < wire.MaxDepth {
			t.Fatalf("CompactJSON(%q) = %v, encoding/json says %v", line, err, want)
		}
		if err == nil && !bytes.Equal(compact, buf.Bytes()) {
			t.Fatalf("CompactJSON(%q) = %q, want %q", line, compact, buf.Bytes())
		}
		frame, err := wire.DecodeClientFrame(line)
		if err != nil {
			return
		}
		var all map[string]json.RawMessage
		if err := json.Unmarshal(line, &all); err != nil {
			t.Fatalf("DecodeClientFrame(%q) succeeded, encoding/json says %v", line, err)
		}
		for key, got := range map[string]string{"name": frame.Name, "token": frame.Token} {
			var s string
			if got != "" && (json.Unmarshal(all[key], &s) != nil || s != got) {
				t.Fatalf("DecodeClientFrame(%q): %s = %q, want %q", line, key, got, s)
			}
		}
		if frame.Data != nil && all["data"] != nil && !bytes.Equal(frame.Data, all["data"]) {
			t.Fatalf("DecodeClientFrame(%q): data = %s, want %s", line, frame.Data, all["data"])
		}
		again, err := wire.DecodeClientFrame(wire.AppendClientFrame(nil, frame))
		if frame.Consistency != wire.Eventual {
			frame.MaxAge = 0 // means nothing then
		}
		if diff := cmp.Diff(frame, again); err != nil || diff != "" {
			t.Fatalf("after %q: DecodeClientFrame(AppendClientFrame) = %v, -want +got\n%s", line, err, diff)
		}
	})
}

func depth(b []byte) int {
	return bytes.Count(b, []byte("[")) + bytes.Count(b, []byte("{"))
}

func TestFrames(t *testing.T) {
	var got []string
	for line := range wire.Frames([]byte("{}\n\r\n[1]\n 2\n")) {
		got = append(got, string(line))
	}
	if want := []string{"{}", "[1]", " 2"}; !slices.Equal(got, want) {
		t.Errorf("Frames = %q, want %q", got, want)
	}
}

func BenchmarkDecodeClientFrame(b *testing.B) {
	line := []byte(`{"type":"command","id":17,"name":"say","data":{"text":"a line of some length, as people type"}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.DecodeClientFrame(line); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendFrame(b *testing.B) {
	e := &wire.Envelope{Kind: wire.KindEvent, Revision: 43, Name: "said", Data: []byte(`{"text":"a line of some length, as people type"}`), At: 1700000000000, Member: "m12345", Command: 17}
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		buf = wire.AppendFrame(buf[:0], e, wire.FrameOptions{})
	}
}
