package demo_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tutti-rt/tutti/cmd/tutti/demo"
	"github.com/tutti-rt/tutti/internal/text"
	"github.com/tutti-rt/tutti/internal/turn"
)

// BenchmarkTurn measures what the demo's own code costs in a turn: the handler, and the event that it
// emits applied to the state.
func BenchmarkTurn(b *testing.B) {
	megabyte, err := json.Marshal(demo.Edited{Patches: text.Patches{{Insert: strings.Repeat("Lorem ipsum dolor. ", 1<<20/19)}}})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name, command, data string
		category            *turn.Category
		before              []byte // an event
	}{
		{"counter add", "add", `{"by":1}`, demo.Counters.Untyped(), nil},
		{"room say", "say", `{"text":"Good morning, everybody."}`, demo.Rooms.Untyped(), nil},
		{"board paint", "paint", `{"x":17,"y":34,"color":5}`, demo.Boards.Untyped(), nil},
		{"pad edit/text=0", "edit", `{"patches":[[0,0,"x"]]}`, demo.Pads.Untyped(), nil},
		{"pad edit/text=1MiB", "edit", `{"patches":[[500000,1,"x"]]}`, demo.Pads.Untyped(), megabyte},
	} {
		b.Run(c.name, func(b *testing.B) {
			state := c.category.NewState()
			if c.before != nil {
				if err := c.category.Events["edited"].Apply(state, c.before); err != nil {
					b.Fatal(err)
				}
			}
			data := []byte(c.data)
			b.ReportAllocs()
			for b.Loop() {
				t := turn.Turn{Category: c.category, Kind: turn.KindCommand, Name: c.command, Claims: turn.Claims{Subject: "ann"}}
				if err := c.category.Commands[c.command].Handle(&t, state, data); err != nil {
					b.Fatal(err)
				}
				for _, e := range t.Events {
					if err := c.category.Events[e.Name].Apply(state, e.Data); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
