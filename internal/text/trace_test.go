package text_test

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/tutti-rt/tutti/internal/text"
)

// trace is a recorded editing session.
type trace struct {
	StartContent, EndContent string
	Txns                     []struct{ Patches text.Patches }
}

func readTrace(tb testing.TB, name string) trace {
	tb.Helper()
	f, err := os.Open(filepath.Join("..", "..", "testdata", "editing-traces", name))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	var tr trace
	if err := json.NewDecoder(z).Decode(&tr); err != nil {
		tb.Fatal(err)
	}
	return tr
}

func TestRecordedSessions(t *testing.T) {
	for name, txns := range map[string]int{
		"sequential-friendsforever_flat.json.gz": 26078,
		"sequential-sveltecomponent.json.gz":     18335,
	} {
		t.Run(name, func(t *testing.T) {
			tr := readTrace(t, name)
			if len(tr.Txns) != txns {
				t.Fatalf("%d transactions, want %d", len(tr.Txns), txns)
			}
			x := text.New(tr.StartContent)
			for i, txn := range tr.Txns {
				var err error
				if x, err = x.Apply(txn.Patches); err != nil {
					t.Fatalf("transaction %d: %v", i, err)
				}
			}
			if x.String() != tr.EndContent {
				t.Errorf("text after %d transactions differs from the recording's end", len(tr.Txns))
			}
		})
	}
}
