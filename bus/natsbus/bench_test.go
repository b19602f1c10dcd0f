package natsbus_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/natsbus"
	"github.com/tutti-rt/tutti/wire"
)

// BenchmarkLanes measures how long an envelope of the lane "default" takes to another node and back while 20 MB a second are sent:
// on no lane, on another lane, on the same. The floods leave the processors time, which lanes cannot divide.
func BenchmarkLanes(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20} {
		for _, flood := range []string{"none", "bulk", "default"} {
			b.Run(fmt.Sprintf("flood=%s/size=%d", flood, size), func(b *testing.B) { benchmarkLanes(b, flood, size) })
		}
	}
}

// floodBytes is how much is sent in a second.
const floodBytes = 20 << 20

// nodeHeap is about what a node that does nothing has in memory.
const nodeHeap = 64 << 20

func benchmarkLanes(b *testing.B, flood string, size int) {
	// Garbage is collected as often as in a node, which holds more than this test does.
	ballast := make([]byte, nodeHeap)
	defer runtime.KeepAlive(ballast)
	servers := cluster(b, 2, "default", "bulk")
	here, there := open(b, natsbus.Config{Server: servers[0]}), open(b, natsbus.Config{Server: servers[1]})
	defer listen(b, there, "ping", func(e *wire.Envelope) { _ = there.Send("default", "pong", e) })()
	back := make(chan struct{}, 1)
	defer listen(b, here, "pong", func(*wire.Envelope) { back <- struct{}{} })()
	var flooded atomic.Int64
	defer listen(b, there, "flood", func(*wire.Envelope) { flooded.Add(1) })()
	heard(b, servers[0], "default", "ping", true)
	heard(b, servers[1], "default", "pong", true)
	heard(b, servers[0], "bulk", "flood", true)

	ctx, stop := context.WithCancel(b.Context())
	var flooding sync.WaitGroup
	if flood != "none" {
		flooding.Go(func() {
			e := &wire.Envelope{Kind: wire.KindEvent, Data: make([]byte, size)}
			every := max(time.Second*time.Duration(size)/floodBytes, time.Millisecond)
			tick := time.NewTicker(every)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					for range max(int(every*floodBytes/time.Second)/size, 1) {
						_ = here.Send(flood, "flood", e)
					}
				}
			}
		})
	}
	var took []time.Duration
	lost := 0.0
	e := &wire.Envelope{Kind: wire.KindEvent, Data: make([]byte, 200)}
	began := time.Now()
	for b.Loop() {
		sent := time.Now()
		if err := here.Send("default", "ping", e); err != nil {
			if errors.Is(err, bus.ErrFull) {
				continue
			}
			b.Fatal(err)
		}
		select {
		case <-back:
			took = append(took, time.Since(sent))
		case <-time.After(patience / 10):
			lost++
		}
		time.Sleep(200 * time.Microsecond)
	}
	rate := float64(flooded.Load()) / time.Since(began).Seconds()
	stop()
	flooding.Wait()
	slices.Sort(took)
	at := func(q float64) float64 {
		return float64(took[int(q*float64(len(took)-1))].Microseconds())
	}
	b.ReportMetric(at(0.5), "p50-µs")
	b.ReportMetric(at(0.99), "p99-µs")
	b.ReportMetric(rate, "flood/s")
	b.ReportMetric(lost, "lost")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkSend measures what a sender pays, and what arrives at another node.
func BenchmarkSend(b *testing.B) {
	servers := cluster(b, 2)
	here, there := open(b, natsbus.Config{Server: servers[0]}), open(b, natsbus.Config{Server: servers[1]})
	e := &wire.Envelope{Kind: wire.KindCommand, Category: "room", ID: "lobby", Name: "say", Data: make([]byte, 200)}
	b.Run("to=here", func(b *testing.B) {
		defer listen(b, here, "here", func(*wire.Envelope) {})()
		b.ReportAllocs()
		for b.Loop() {
			if err := here.Send("default", "here", e); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("to=there", func(b *testing.B) {
		var seen atomic.Int64
		defer listen(b, there, "there", func(*wire.Envelope) { seen.Add(1) })()
		heard(b, servers[0], "default", "there", true)
		b.ReportAllocs()
		sent := int64(0)
		began := time.Now()
		for b.Loop() {
			for errors.Is(here.Send("default", "there", e), bus.ErrFull) {
				time.Sleep(100 * time.Microsecond)
			}
			sent++
		}
		b.ReportMetric(float64(seen.Load())/time.Since(began).Seconds(), "envelopes/s")
		lane := here.Stats().Lanes["default"]
		b.ReportMetric(float64(lane.Envelopes)/float64(lane.Messages), "envelopes/message")
	})
}
