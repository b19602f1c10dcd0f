package state

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// What a snapshot keeps of callers' keys cannot be seen from outside before it is read again.

func drawKeys(t *rapid.T) *keys {
	var k keys
	for i := range rapid.IntRange(0, 30).Draw(t, "keys") {
		caller := rapid.SampledFrom([]string{"a", "b", ""}).Draw(t, "caller")
		k.add(caller, newKeyID(rapid.StringN(1, 3, 8).Draw(t, "key")), keyed{
			digest: callDigest{byte(i)}, seq: uint64(i + 1), revision: rapid.Uint64().Draw(t, "revision"),
			at: rapid.Int64().Draw(t, "at"), replied: rapid.Bool().Draw(t, "replied"),
		})
	}
	return &k
}

func TestKeysSurviveASnapshot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := ledger{told: rapid.Uint64().Draw(t, "told"), keys: *drawKeys(t)}
		data := l.encode()
		again, err := decodeLedger(data)
		if err != nil {
			t.Fatal(err)
		}
		if again.keys.n != l.keys.n || !bytes.Equal(again.encode(), data) {
			t.Fatalf("decoded %d keys, want %d; encoded again the bytes differ", again.keys.n, l.keys.n)
		}
		for caller, mine := range l.keys.by.all() {
			for key, o := range mine.all() {
				if got, ok := again.keys.find(caller, key); !ok || got.seq != o.seq || got.digest != o.digest {
					t.Fatalf("find = %+v, want %+v", got, o)
				}
			}
		}
	})
}

// A snapshot of an entity that nobody called is as earlier versions wrote it, and can be read.
func TestLedgerWithoutKeysIsOfTheFirstFormat(t *testing.T) {
	l := ledger{told: 7}
	data := l.encode()
	if data[0] != 1 {
		t.Errorf("format is %d, want 1", data[0])
	}
	if again, err := decodeLedger(data); err != nil || again.told != 7 {
		t.Errorf("decodeLedger = %+v, %v", again, err)
	}
}

func FuzzLedger(f *testing.F) {
	l := ledger{told: 7}
	f.Add(l.encode())
	l.keys.add("a", newKeyID("k"), keyed{seq: 1, revision: 2, at: 3, replied: true})
	f.Add(l.encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := decodeLedger(data)
		if err != nil {
			return
		}
		if _, err := decodeLedger(l.encode()); err != nil {
			t.Errorf("what was decoded cannot be decoded again: %v", err)
		}
	})
}
