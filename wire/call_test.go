package wire_test

import (
	"testing"

	"github.com/tutti-rt/tutti/wire"
)

func FuzzDecodeCall(f *testing.F) {
	for _, s := range []string{
		`{"name":"say","data":{"text":"x"},"expect":3}`, "{\n\"name\" : \"a\"\n}\n", `{"type":"command","name":"a"}`, `{"type":"query","name":"a"}`,
		`{"name":"a","expect":null,"id":7}`, `{"name":1}`, `[]`, ``, "\xff",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := wire.DecodeCall(body)
		if err != nil {
			return
		}
		compact, err := wire.CompactJSON(nil, c.Data)
		if err != nil {
			t.Fatalf("DecodeCall(%q) has data %q that is no JSON: %v", body, c.Data, err)
		}
		c.Data, c.ID = compact, 1
		again, err := wire.DecodeCall(wire.AppendClientFrame(nil, c))
		if err != nil || again.Name != c.Name || again.Expect != c.Expect || again.HasExpect != c.HasExpect || string(again.Data) != string(compact) {
			t.Fatalf("decoded %+v, encoded and decoded again %+v: %v", c, again, err)
		}
	})
}
