package text_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tutti-rt/tutti/internal/text"
)

const megabyte = 1 << 20

func long() text.Text {
	return text.New(strings.Repeat("Lorem ipsum dolor sit amet, consétetur 😀 elitr.\n", megabyte/52))
}

func BenchmarkApply(b *testing.B) {
	b.Run("text=1MiB/edits=typing", func(b *testing.B) {
		x, at := long(), 1000
		b.ReportAllocs()
		for b.Loop() {
			x, _ = x.Apply(text.Patches{{At: at, Insert: "x"}})
			at++
		}
	})
	b.Run("text=1MiB/edits=scattered", func(b *testing.B) {
		x, r := long(), rand.New(rand.NewPCG(1, 2))
		b.ReportAllocs()
		for b.Loop() {
			x, _ = x.Apply(text.Patches{{At: r.IntN(x.Len() - 10), Delete: 4, Insert: "four"}})
		}
	})
	b.Run("recorded session", func(b *testing.B) {
		tr := readTrace(b, "sequential-sveltecomponent.json.gz")
		b.ReportAllocs()
		for b.Loop() {
			x := text.New(tr.StartContent)
			for _, txn := range tr.Txns {
				x, _ = x.Apply(txn.Patches)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(tr.Txns)), "ns/edit")
	})
}

func BenchmarkMarshal(b *testing.B) {
	x := long()
	b.SetBytes(int64(x.Size()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Marshal(struct{ Text text.Text }{x}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnmarshalPatches(b *testing.B) {
	data := []byte(`[[123456,0,"x"]]`)
	b.ReportAllocs()
	for b.Loop() {
		var p text.Patches
		if err := p.UnmarshalJSON(data); err != nil {
			b.Fatal(err)
		}
	}
}
