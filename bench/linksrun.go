package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync/atomic"
	"time"
)

const (
	idleBytes    = 256 // of the buffer of a link that does nothing
	linksAtSub   = 1000
	dropWithin   = 30 * time.Second
	settleBefore = 2 * time.Second // after opening, until memory is read
)

// linksRun is one run under way.
type linksRun struct {
	Links
	name     string
	res      *LinksResult
	all      []*link
	crew     *crew // reads from them
	took     *recorder
	opened   atomic.Int64
	pings    atomic.Uint64
	dropping atomic.Bool
}

// measure opens all links and looks at what they cost.
func (r *linksRun) measure(ctx context.Context) error {
	r.res.Before = r.memory(ctx)
	begin(r.Part, "open")
	if err := r.open(ctx); err != nil {
		return err
	}
	wait(ctx, settleBefore, r.crew.failed, nil)
	r.res.Open = r.memory(ctx)
	each := func(open, before int64) float64 { return float64(open-before) / float64(r.Links.Links) }
	r.res.RSSEach = each(r.res.Open.RSS, r.res.Before.RSS)
	r.res.HeapEach = each(r.res.Open.Heap, r.res.Before.Heap)
	r.res.StackEach = each(r.res.Open.Stack, r.res.Before.Stack)

	begin(r.Part, "idle")
	w, before := openWindow(r.Usage), r.pings.Load()
	wait(ctx, r.Idle, r.crew.failed, nil)
	r.res.IdleWindow = w.close(runtime.GOMAXPROCS(0))
	r.res.Pings = r.pings.Load() - before
	r.res.IdleCPU = r.res.IdleWindow.ServerCPU / r.res.IdleWindow.Seconds
	if err := ctx.Err(); err != nil {
		return err
	}
	begin(r.Part, "others")
	var err error
	r.res.Command, err = others{target: r.Target, name: r.name, links: r.Others, rate: r.Rate}.during(ctx, func() error {
		wait(ctx, r.For, r.crew.failed, nil)
		return ctx.Err()
	})
	return err
}

// open opens all links.
func (r *linksRun) open(ctx context.Context) error {
	w := openWindow(r.Usage)
	err := each(r.Links.Links, r.AtOnce, func(i int) error {
		dialing, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		began := time.Now()
		entity := fmt.Sprintf("counter/bench-%s-%d", r.name, i%r.Entities)
		l, _, err := dial(dialing, r.Target.spread(i), entity, fmt.Sprintf("bench-%d", i/linksAtSub), fmt.Sprintf("bench-%s-idle-%d", r.name, i), true)
		if err != nil {
			return err
		}
		r.took.add(i, time.Since(began))
		l.shrink(idleBytes)
		l.pings = &r.pings
		r.all[i] = l
		r.crew.add(func() error { return r.sit(l) })
		if n := r.opened.Add(1); r.Progress != nil && n%64 == 0 {
			r.Progress(int(n))
		}
		return nil
	})
	r.res.OpenWindow = w.close(runtime.GOMAXPROCS(0))
	r.res.OpenRate = float64(r.opened.Load()) / r.res.OpenWindow.Seconds
	r.res.OpenCPU = perMillion(r.res.OpenWindow.ServerCPU, uint64(r.opened.Load()))
	r.res.Opened = r.took.latency()
	return err
}

// sit reads until the link is dropped.
func (r *linksRun) sit(l *link) error {
	for {
		if err := l.read(func([]byte, time.Time) error { return nil }); err != nil {
			if r.dropping.Load() && errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("idle link: %w", err)
		}
	}
}

// drop closes all links at once, without a word, and returns why one had ended before.
func (r *linksRun) drop() error {
	r.dropping.Store(!r.crew.hasFailed())
	for _, l := range r.all {
		if l != nil {
			l.close()
		}
	}
	return r.crew.wait()
}

// forget waits until the server has let go of the links.
func (r *linksRun) forget(ctx context.Context) error {
	began := time.Now()
	for r.Metrics != nil {
		left := r.Metrics.read(ctx)["tutti_edge_links"]
		if left == 0 {
			break
		}
		if time.Since(began) > dropWithin {
			return fmt.Errorf("bench: %.0f links are left %s after all were dropped", left, dropWithin)
		}
		wait(ctx, 20*time.Millisecond, nil, nil)
	}
	r.res.DropTime = time.Since(began).Seconds()
	wait(ctx, r.Settle, nil, nil)
	r.res.After = r.memory(ctx)
	r.res.Verified = true
	return ctx.Err()
}

// memory returns what the server holds now.
func (r *linksRun) memory(ctx context.Context) LinksMemory {
	var m LinksMemory
	if r.Collect != nil {
		_ = r.Collect(ctx) // then the figures have some garbage in them
	}
	figures := r.Metrics.read(ctx)
	m.Heap, m.Stack = int64(figures["go_memstats_alloc_bytes"]), int64(figures["go_memstats_stack_inuse_bytes"])
	if r.Usage != nil {
		if u, err := r.Usage(); err == nil {
			m.RSS = u.RSS
		}
	}
	return m
}
