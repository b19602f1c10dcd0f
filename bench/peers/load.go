package main

import (
	"context"
	"fmt"

	"github.com/tutti-rt/tutti/bench"
)

// load is one of those that every server gets.
type load struct {
	name  string
	role  bench.Role
	about string
	unit  string // of what is counted
	run   func(ctx context.Context, l bench.PeerLoad) (*bench.PeerResult, error)
}

// size is how large the loads are.
type size struct{ links, adders, hot, inFlight, idle int }

// loads returns what is to be measured, in the table's order.
func loads(o *options) []load {
	n := size{links: 1000, adders: 1024, hot: 16, inFlight: 64, idle: 2000}
	if o.quick {
		n = size{links: 100, adders: 32, hot: 4, inFlight: 8, idle: 200}
	}
	var all []load
	for _, rate := range []float64{20, 100, 1000} {
		all = append(all, load{
			name: fmt.Sprintf("fan-out, %g/s", rate), role: bench.RoleSubscribe, unit: "deliveries",
			about: fmt.Sprintf("1 publisher, %d subscribers, %g texts/s of %d bytes", n.links, rate, bench.TextBytes),
			run: func(ctx context.Context, l bench.PeerLoad) (*bench.PeerResult, error) {
				return bench.PeerFanout{PeerLoad: l, Links: n.links, Rate: rate}.Run(ctx)
			},
		})
	}
	add := func(name, about string, a bench.PeerAdd) load {
		return load{
			name: name, about: about, role: bench.RoleAdd, unit: "increments",
			run: func(ctx context.Context, l bench.PeerLoad) (*bench.PeerResult, error) {
				a.PeerLoad = l
				return a.Run(ctx)
			},
		}
	}
	return append(
		all,
		load{
			name: "echo", about: fmt.Sprintf("%d clients, 10 texts/s of %d bytes each", n.links, bench.TextBytes), role: bench.RoleEcho, unit: "echoes",
			run: func(ctx context.Context, l bench.PeerLoad) (*bench.PeerResult, error) {
				return bench.PeerEcho{PeerLoad: l, Links: n.links, Rate: 10}.Run(ctx)
			},
		},
		add("increments, alone", "1 connection, the next as soon as one is answered", bench.PeerAdd{Links: 1}),
		add("increments, many", fmt.Sprintf("%d connections with an object each, one in flight each", n.adders), bench.PeerAdd{Links: n.adders}),
		add("increments, one object", fmt.Sprintf("%d connections with %d in flight each", n.hot, n.inFlight), bench.PeerAdd{Links: n.hot, Objects: 1, InFlight: n.inFlight}),
		load{
			name: "idle links", about: fmt.Sprintf("%d subscribers to whom nothing is published", n.idle), role: roleIdle, unit: "links",
			run: func(ctx context.Context, l bench.PeerLoad) (*bench.PeerResult, error) {
				return bench.PeerIdle{PeerLoad: l, Links: n.idle}.Run(ctx)
			},
		},
	)
}
