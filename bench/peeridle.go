package bench

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// PeerIdle opens links that only wait, and measures how the server's memory grows. Zero fields mean the defaults named
// there.
type PeerIdle struct {
	PeerLoad     // a server of which nothing is known but memory has Usage; For is how long to let things settle, twice
	Links    int // default 2,000
	Before   int // links that are there before the first look at the memory (default 100)
}

// Run connects and returns the server's memory for each of Links.
func (p PeerIdle) Run(ctx context.Context) (*PeerResult, error) {
	p.PeerLoad = p.withDefaults()
	fill(&p.Links, 2000)
	fill(&p.Before, 100)
	if p.Usage == nil {
		return nil, fmt.Errorf("bench: the server's memory is not known")
	}
	room := func(int) string { return "room" }
	first, err := p.Peer.dialAll(ctx, p.Before, RoleSubscribe, room)
	if err != nil {
		return nil, err
	}
	defer closeAll(first)
	wait(ctx, p.For/2, nil, nil)
	before, err := p.Usage()
	if err != nil {
		return nil, err
	}
	w, began := openWindow(p.Usage), time.Now()
	links, err := p.Peer.dialAll(ctx, p.Links, RoleSubscribe, room)
	if err != nil {
		return nil, err
	}
	defer closeAll(links)
	took := time.Since(began)
	wait(ctx, p.For/2, nil, nil)
	res := &PeerResult{Window: w.close(runtime.GOMAXPROCS(0)), Done: uint64(p.Links)}
	res.PerSecond = float64(p.Links) / took.Seconds()
	res.LinkBytes = (res.Window.ServerRSS - before.RSS) / int64(p.Links)
	return res, ctx.Err()
}
