package edge

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// hereEvery is how often an edge says that it is there. Owners take one for gone that they have not heard of for several times as long.
const hereEvery = 2 * time.Second

// firstNumber returns where an edge's links and posts begin to count: an edge that starts again under its name begins elsewhere, since
// owners may have links of the one before.
func firstNumber() uint64 { return 1 + rand.Uint64N(postLink/2-wire.LinksOfAnEdge) }

// sayHere tells the owners of entities that this edge is there, and which links can be its own, until ctx is done.
func (e *Edge) sayHere(ctx context.Context) {
	all, ok := e.bus.(bus.Broadcaster)
	if !ok {
		return
	}
	tick := time.NewTicker(hereEvery)
	defer tick.Stop()
	for {
		here := &wire.Envelope{Kind: wire.KindHere, Edge: e.name, Link: e.first}
		if err := all.Broadcast("default", bus.Edges, here); err != nil {
			e.log.Debug("owners not told that the edge is there", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
