package bustest

import (
	"bytes"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// anyAddress has names that would mean something to one transport or other.
func anyAddress(t *testing.T, b bus.Bus) {
	all := []bus.Address{
		"", "a", "A", "a.b", "a/b", "a%2Fb", "a b", "a\tb", "a\x00b", "*", "a.*", ">", "a.>", ".", "..", "a.", ".a", "日本", "\xff\xfe", "%", "all.a",
	}
	var mu sync.Mutex
	got := make(map[bus.Address][]uint64)
	for _, at := range all {
		defer listen(t, b, at, func(e *wire.Envelope) {
			mu.Lock()
			defer mu.Unlock()
			got[at] = append(got[at], e.Number)
		})()
	}
	for i, at := range all {
		send(t, b, at, &wire.Envelope{Kind: wire.KindEvent, Number: uint64(i + 1)})
	}
	eventually(t, "all envelopes arrive", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) == len(all)
	})
	mu.Lock()
	defer mu.Unlock()
	for i, at := range all {
		if len(got[at]) != 1 || got[at][0] != uint64(i+1) {
			t.Errorf("%q received %v, want [%d]", at, got[at], i+1)
		}
	}
}

// largeEnvelopes has states between small ones. Nothing of a sender overtakes anything.
func largeEnvelopes(t *testing.T, b bus.Bus) {
	sizes := []int{10, 1 << 16, 10, 1<<20 + 1, 10, 10, 9 << 20, 10}
	got := make(chan *wire.Envelope, len(sizes))
	defer listen(t, b, bus.Edge("a"), func(e *wire.Envelope) { got <- e })()
	for i, size := range sizes {
		data := bytes.Repeat([]byte{byte('a' + i)}, size)
		send(t, b, bus.Edge("a"), &wire.Envelope{Kind: wire.KindWelcome, Number: uint64(i), Data: data})
	}
	for i, size := range sizes {
		select {
		case e := <-got:
			if e.Number != uint64(i) || len(e.Data) != size || bytes.Count(e.Data, []byte{byte('a' + i)}) != size {
				t.Fatalf("received envelope %d of %d bytes, want %d of %d", e.Number, len(e.Data), i, size)
			}
		case <-time.After(patience):
			t.Fatalf("envelope %d did not arrive", i)
		}
	}
}

// orderOfListeners has nobody see an envelope behind a later one, whoever listens when.
func orderOfListeners(t *testing.T, b bus.Bus) {
	var ended atomic.Bool
	var seen atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := uint64(1); !ended.Load(); n++ {
			err := b.Send(lane, bus.Owner("default", 1), &wire.Envelope{Kind: wire.KindCommand, Number: n})
			if err != nil && !errors.Is(err, bus.ErrNobody) && !errors.Is(err, bus.ErrFull) {
				t.Errorf("Send = %v", err)
				return
			}
		}
	})
	for range 10 {
		var last, mine atomic.Uint64
		stop := listen(t, b, bus.Owner("default", 1), func(e *wire.Envelope) {
			if before := last.Swap(e.Number); e.Number <= before {
				t.Errorf("envelope %d came after %d", e.Number, before)
			}
			mine.Add(1)
			seen.Add(1)
		})
		eventually(t, "envelopes arrive", func() bool { return mine.Load() > 100 })
		stop()
	}
	ended.Store(true)
	wg.Wait()
}

// keptEnvelopes has listeners keep what they get, as they may.
func keptEnvelopes(t *testing.T, b bus.Bus) {
	const n = 2000
	var mu sync.Mutex
	var kept []*wire.Envelope
	defer listen(t, b, bus.Edge("a"), func(e *wire.Envelope) {
		mu.Lock()
		defer mu.Unlock()
		kept = append(kept, e)
	})()
	pattern := func(i int) []byte { return bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 50) }
	for i := range n {
		send(t, b, bus.Edge("a"), &wire.Envelope{Kind: wire.KindEvent, Number: uint64(i), Data: pattern(i)})
	}
	eventually(t, "all envelopes arrive", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(kept) == n
	})
	mu.Lock()
	defer mu.Unlock()
	for i, e := range kept {
		if e.Number != uint64(i) || !bytes.Equal(e.Data, pattern(i)) {
			t.Fatalf("envelope %d has become number %d with %x", i, e.Number, e.Data)
		}
	}
}
