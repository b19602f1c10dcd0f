package state_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// BenchmarkCommand measures one command from the bus to its ack on the bus, on a journal that costs
// nothing, with as many commands under way as there are links.
func BenchmarkCommand(b *testing.B) {
	for _, c := range []struct{ entities, links int }{{1, 64}, {1024, 1024}} {
		b.Run(fmt.Sprintf("entities=%d/links=%d", c.entities, c.links), func(b *testing.B) {
			benchmarkCommand(b, c.entities, c.links)
		})
	}
}

func benchmarkCommand(b *testing.B, entities, links int) {
	lb := localbus.New()
	node, err := state.New(state.Config{
		Categories: []*tutti.Category{sums()}, Journal: memjournal.New(), Bus: lb, Partitions: 16,
	})
	if err != nil {
		b.Fatal(err)
	}
	idle := make(chan uint64, links)
	var acks atomic.Int64
	stopEdge, err := lb.Listen(bus.Edge(edgeName), func(e *wire.Envelope) {
		switch e.Kind {
		case wire.KindWelcome:
			idle <- e.Link
		case wire.KindAck:
			acks.Add(1)
			idle <- e.Link
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	defer stopEdge()
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- node.Run(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
	}()
	<-node.Ready()

	claims, _ := json.Marshal(tutti.Claims{Subject: "ann"})
	data := []byte(`{"By":1}`)
	numbers := make([]uint64, links+1)
	send := func(link uint64, e *wire.Envelope) {
		numbers[link]++
		e.Category, e.ID, e.Edge, e.Link, e.Number = "sum", fmt.Sprint(link%uint64(entities)), edgeName, link, numbers[link]
		if err := lb.Send("default", bus.Owner("default", wire.Partition(e.Category, e.ID, 16)), e); err != nil {
			b.Fatal(err)
		}
	}
	for l := range links {
		send(uint64(l+1), &wire.Envelope{Kind: wire.KindAttach, Conn: fmt.Sprintf("connection-%07d", l), Claims: claims})
	}
	b.ReportAllocs()
	for b.Loop() {
		l := <-idle
		send(l, &wire.Envelope{Kind: wire.KindCommand, Command: numbers[l], Name: "add", Data: data})
	}
	for range links {
		<-idle
	}
}
