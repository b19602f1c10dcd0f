package state_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// yard is two nodes on journals that cost nothing, and somebody who calls entities of one partition.
type yard struct {
	b       *testing.B
	bus     *moving
	cluster *memjournal.Cluster
	nodes   [2]*state.Node
	answers chan struct{}
	claims  []byte
	names   []string // of entities
}

var yardPart = part(0)

func newYard(b *testing.B, entities int) *yard {
	y := &yard{b: b, bus: newMoving(), cluster: memjournal.NewCluster(2), answers: make(chan struct{}, 1<<16)}
	y.cluster.Create(yardPart, 1, 2)
	y.claims, _ = json.Marshal(tutti.Claims{Subject: "ann"})
	for i := 0; len(y.names) < entities; i++ {
		if name := fmt.Sprint(i); partOf("sum/"+name) == yardPart {
			y.names = append(y.names, name)
		}
	}
	stop, err := y.bus.Listen(bus.Edge(edgeName), func(e *wire.Envelope) {
		if e.Has(wire.Refused) {
			b.Errorf("refused: %s", e.Code)
		}
		y.answers <- struct{}{}
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(stop)
	return y
}

func (y *yard) start(i int) {
	n, err := state.New(state.Config{
		Categories: []*tutti.Category{sums()}, Journal: y.cluster.Node(journal.NodeID(i + 1)), Bus: y.bus, Partitions: 4, Placed: true,
	})
	if err != nil {
		y.b.Fatal(err)
	}
	ctx, stop := context.WithCancel(y.b.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := n.Run(ctx); err != nil {
			y.b.Error(err)
		}
	})
	y.b.Cleanup(func() { stop(); running.Wait() })
	<-n.Ready()
	y.nodes[i] = n
}

func (y *yard) call(name string) {
	_ = y.bus.Send("default", bus.Owner("default", 0), &wire.Envelope{
		Kind: wire.KindCall, Category: "sum", ID: name, Edge: edgeName, Claims: y.claims, Name: "add", Data: []byte(`{"By":1}`),
	})
}

// all calls every entity once and waits for the answers.
func (y *yard) all() {
	for _, name := range y.names {
		y.call(name)
	}
	for range y.names {
		<-y.answers
	}
}

// BenchmarkHandOver hands a partition back and forth while 64 calls are always under way, and measures the pause: from when no more
// is taken until the next owner takes something.
func BenchmarkHandOver(b *testing.B) {
	y := newYard(b, 64)
	y.start(0)
	y.start(1)
	for _, name := range y.names {
		y.call(name)
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			<-y.answers
			select {
			case <-done:
				return
			default:
				y.call(y.names[i%len(y.names)])
			}
		}
	}()
	var given, pauses []time.Duration
	for at := 0; b.Loop(); at = 1 - at {
		for y.nodes[at].Stats().Partitions == 0 {
			time.Sleep(50 * time.Microsecond)
		}
		began := time.Now()
		if err := y.nodes[at].HandOver(b.Context(), yardPart, journal.NodeID(2-at)); err != nil {
			b.Fatal(err)
		}
		given = append(given, time.Since(began))
		for y.nodes[1-at].Stats().Partitions == 0 {
			time.Sleep(50 * time.Microsecond)
		}
		pauses = append(pauses, time.Since(began))
		b.StopTimer()
		time.Sleep(50 * time.Millisecond) // for the mirror of who owned it before
		b.StartTimer()
	}
	close(done)
	<-ended
	slices.Sort(given)
	slices.Sort(pauses)
	b.ReportMetric(float64(given[len(given)/2].Microseconds()), "µs-given-p50")
	b.ReportMetric(float64(pauses[len(pauses)/2].Microseconds()), "µs-p50")
	b.ReportMetric(float64(pauses[len(pauses)*99/100].Microseconds()), "µs-p99")
}

// BenchmarkTakeover measures from a change of the lead until 500 entities of 400 events have each carried out a command.
func BenchmarkTakeover(b *testing.B) {
	for _, warm := range []bool{false, true} {
		b.Run(fmt.Sprintf("warm=%t", warm), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				y := newYard(b, 500)
				y.start(0)
				if warm {
					y.start(1)
				}
				for range 400 {
					y.all()
				}
				if !warm {
					y.start(1)
				}
				time.Sleep(100 * time.Millisecond)
				b.StartTimer()
				y.cluster.Lead(yardPart, 2)
				for y.nodes[1].Stats().Partitions == 0 {
					time.Sleep(50 * time.Microsecond)
				}
				y.all()
			}
		})
	}
}
