package online_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/online"
	"github.com/tutti-rt/tutti/wire"
)

// counting is a bus that counts what it carries.
type counting struct {
	bus.Bus
	envelopes, bytes atomic.Int64
}

func (c *counting) Send(lane string, to bus.Address, e *wire.Envelope) error {
	c.envelopes.Add(1)
	c.bytes.Add(int64(len(e.Append(nil))))
	return c.Bus.Send(lane, to, e)
}

// reset returns what was carried since the last call.
func (c *counting) reset() (envelopes, bytes float64) {
	return float64(c.envelopes.Swap(0)), float64(c.bytes.Swap(0))
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkSubjects has many subjects online at four edges. It measures what they cost in memory, in the directory and at their edges,
// what it takes to keep them, to look up a thousand, and to have some come and go.
func BenchmarkSubjects(b *testing.B) {
	for _, subjects := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("subjects=%d", subjects), func(b *testing.B) { measure(b, subjects) })
	}
}

func measure(b *testing.B, subjects int) {
	const edges = 4
	carried := &counting{Bus: localbus.New()}
	names := make([]string, subjects)
	for i := range names {
		names[i] = fmt.Sprintf("user-%08d-%08x", i, i*7919) // 22 bytes and more
	}
	figures := make(map[string]float64)
	empty := heap()
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	defer func() { cancel(); running.Wait() }()
	timing := online.Timing{Beat: 500 * time.Millisecond, Linger: 200 * time.Millisecond}
	d, err := online.NewDirectory(online.DirectoryConfig{Bus: carried, Timing: timing})
	if err != nil {
		b.Fatal(err)
	}
	running.Go(func() { _ = d.Run(ctx) })
	agents := make([]*online.Agent, edges)
	for i := range agents {
		if agents[i], err = online.NewAgent(online.AgentConfig{Edge: fmt.Sprint("e", i), Bus: carried, Timing: timing}); err != nil {
			b.Fatal(err)
		}
		running.Go(func() { _ = agents[i].Run(ctx) })
	}
	settled := func(want int) {
		for d.Stats().Subjects != want {
			runtime.Gosched()
			time.Sleep(time.Millisecond)
		}
	}
	for i, name := range names {
		agents[i%edges].Came(name)
	}
	settled(subjects)
	figures["bytes/subject"] = (heap() - empty) / float64(subjects)

	carried.reset()
	began := time.Now()
	time.Sleep(10 * timing.Beat)
	beats := time.Since(began).Seconds() / timing.Beat.Seconds()
	envelopes, bytes := carried.reset()
	figures["envelopes/beat"] = envelopes / beats
	figures["bytes/beat"] = bytes / beats

	const churned = 5000
	for range 2 {
		for i, name := range names[:churned] {
			agents[i%edges].Gone(name)
		}
		settled(subjects - churned)
		for i, name := range names[:churned] {
			agents[(i+1)%edges].Came(name)
		}
		settled(subjects)
		for i, name := range names[:churned] { // back to where they were
			agents[i%edges].Came(name)
			agents[(i+1)%edges].Gone(name)
		}
	}
	time.Sleep(2 * timing.Linger)
	envelopes, bytes = carried.reset()
	figures["bytes/change"] = bytes / (2 * 4 * churned)
	figures["envelopes/change"] = envelopes / (2 * 4 * churned)

	asked := make([]string, 1000)
	var took []float64
	round := 0
	for b.Loop() {
		for i := range asked {
			asked[i] = names[(round*7919+i*104729)%subjects]
		}
		round++
		began := time.Now()
		found, err := agents[0].Look(ctx, asked)
		if err != nil || len(found) != len(asked) {
			b.Fatalf("Look found %d of %d: %v", len(found), len(asked), err)
		}
		took = append(took, float64(time.Since(began).Microseconds()))
	}
	for unit, n := range figures { // Loop forgets those reported before it
		b.ReportMetric(n, unit)
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2], "median-µs/look")
	runtime.KeepAlive(names)
}
