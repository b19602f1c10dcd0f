package bench

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// PeerEcho has many clients send texts that come back to them. Zero fields mean the defaults named there.
type PeerEcho struct {
	PeerLoad
	Links int     // default 1,000
	Rate  float64 // texts/s of each (default 10)
}

// peerEchoRun is one run under way.
type peerEchoRun struct {
	PeerEcho
	phase   *phase
	took    *recorder
	links   []*link
	clients []*echoClient
	over    atomic.Bool // links are being closed
}

type echoClient struct {
	link     *link
	schedule schedule
	next     atomic.Uint64 // the text to come back
	got      atomic.Uint64 // while measuring
}

// Run loads the peer and returns what came out. It returns an error when a link broke, or when a text did not come back
// in order.
func (e PeerEcho) Run(ctx context.Context) (_ *PeerResult, err error) {
	e.PeerLoad = e.withDefaults()
	fill(&e.Links, 1000)
	fill(&e.Rate, 10)
	run := peerEchoRun{PeerEcho: e, took: newRecorder()}
	run.links, err = e.Peer.dialAll(ctx, e.Links, RoleEcho, func(int) string { return "room" })
	if err != nil {
		return nil, err
	}
	defer closeAll(run.links)
	return run.load(ctx)
}

func (r *peerEchoRun) load(ctx context.Context) (*PeerResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.phase = newPhase()
	interval := int64(float64(time.Second) / r.Rate)
	all := newCrew()
	for i, l := range r.links {
		c := &echoClient{link: l, schedule: schedule{
			begin:    int64(10*time.Millisecond) + interval*int64(i)/int64(len(r.links)),
			interval: interval,
		}}
		r.clients = append(r.clients, c)
		all.add(func() error { return named(ended(r.over.Load(), r.send(ctx, c)), "client", i) })
		all.add(func() error { return r.receive(i, c) })
	}
	res := &PeerResult{Window: r.measure(ctx, r.phase, all.failed)}
	r.tally(res)
	stopped := ctx.Err()
	cancel()
	r.over.Store(true)
	closeAll(r.links)
	if err := errors.Join(stopped, all.wait()); err != nil {
		return nil, err
	}
	return res, nil
}

func (r *peerEchoRun) send(ctx context.Context, c *echoClient) error {
	var text, buf []byte
	return c.schedule.keep(ctx, r.phase, func(n uint64) error {
		text = appendText(text[:0], n)
		buf = r.Peer.Echo(buf[:0], n+1, text)
		c.link.queue(ws.OpText, buf)
		return nil
	}, c.link.flush)
}

func (r *peerEchoRun) receive(i int, c *echoClient) error {
	var took []time.Duration
	for {
		took = took[:0]
		err := c.link.read(func(frame []byte, at time.Time) error {
			n, ok := textNumber(frame)
			if !ok {
				return r.Peer.other(c.link, frame)
			}
			if next := c.next.Load(); n != next {
				return fmt.Errorf("text %d came back instead of %d", n, next)
			}
			c.next.Store(n + 1)
			if now := r.phase.since(at); r.phase.measured(now) {
				c.got.Add(1)
				took = append(took, time.Duration(now-c.schedule.due(n)))
			}
			return nil
		})
		r.took.add(i, took...)
		if err != nil {
			return named(ended(r.over.Load(), err), "client", i)
		}
	}
}

func (r *peerEchoRun) tally(res *PeerResult) {
	end := r.phase.to.Load()
	for _, c := range r.clients {
		res.Done += c.got.Load()
		res.Wanted += c.schedule.between(r.phase.from.Load(), end)
		for n := c.next.Load(); n < c.schedule.until(end); n++ {
			res.Overdue++
			r.took.addMany(time.Duration(end-c.schedule.due(n)), 1)
		}
	}
	res.finish(r.took)
}
