package replay_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tutti-rt/tutti/cmd/tutti/replay"
)

const traces = "../../../testdata/editing-traces/"

func TestReadTraces(t *testing.T) {
	for name, want := range map[string]int{"sequential-friendsforever_flat": 26078, "sequential-sveltecomponent": 18335} {
		r, err := replay.Read(traces + name + ".json.gz")
		if err != nil {
			t.Errorf("Read(%s): %v", name, err)
			continue
		}
		if len(r.Transactions) != want {
			t.Errorf("Read(%s) has %d transactions, want %d", name, len(r.Transactions), want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"no JSON":        {"{", "unexpected end"},
		"no edits":       {"{}", "no edits"},
		"half a gzip":    {"\x1f\x8b\x08", "unexpected EOF"},
		"another end":    {`{"endContent":"ab","txns":[{"patches":[[0,0,"ac"]]}]}`, `at code point 1 (line 1, column 2): "c" instead of "b"`},
		"beyond the end": {`{"endContent":"","txns":[{"patches":[]},{"patches":[[1,0,"a"]]}]}`, "transaction 1"},
	} {
		path := filepath.Join(t.TempDir(), "recording.json")
		if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := replay.Read(path); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: Read = %v, want %q in it", name, err, test.want)
		}
	}
}

func TestCompareNamesThePlace(t *testing.T) {
	r := &replay.Recording{End: "first\nzwölf Boxkämpfer"}
	if err := r.Compare(r.End); err != nil {
		t.Errorf("Compare of the end itself: %v", err)
	}
	err := r.Compare("first\nzwölf Boxkampfer!")
	d, ok := errors.AsType[*replay.Difference](err)
	if !ok {
		t.Fatalf("Compare = %v, want a *Difference", err)
	}
	if d.CodePoint != 16 || d.Line != 2 || d.Column != 11 || d.Want != "ämpfer" || d.Got != "ampfer!" {
		t.Errorf("Compare = %+v", d)
	}
	if err := r.Compare("first"); err == nil {
		t.Error("Compare of a part = nil")
	}
}
