package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

const (
	maxHistory   = 1_000_000   // events that a tally lets its clients miss
	bumpAtOnce   = 1000        // events of one command
	historyMost  = 1_000_000   // events that one step reads, unless its fewest tries are more
	historyTries = 3           // of a step at least
	historyLeast = time.Second // of a step with few events
)

// historyRun is one run under way.
type historyRun struct {
	History
	name  string
	res   *HistoryResult
	epoch string
	last  uint64 // revision
	crews int    // of others, so far
}

func (r *historyRun) entity() string { return "tally/bench-" + r.name }

// write makes the events that will have been missed.
func (r *historyRun) write(ctx context.Context) error {
	dialing, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	l, welcome, err := dial(dialing, r.Target, r.entity(), "bench", "bench-"+r.name+"-writes", true)
	if err != nil {
		return err
	}
	l.close()
	r.epoch = welcome.Epoch
	if l, _, err = dial(dialing, r.Target, r.entity(), "bench", "bench-"+r.name+"-writer", false); err != nil {
		return err
	}
	defer l.close()
	most := uint64(slices.Max(r.Behind))
	s := &sender{
		link: l, phase: newPhase(), took: newRecorder(),
		compose: func(dst []byte, _ int64) []byte {
			return fmt.Appendf(dst, `,"name":"bump","data":{"events":%d}`, min(bumpAtOnce, most-r.last))
		},
	}
	for r.last < most && ctx.Err() == nil {
		if r.last, err = s.oneCommand(); err != nil {
			return fmt.Errorf("write %s: %w", r.entity(), err)
		}
	}
	return ctx.Err()
}

// load lets clients come back.
func (r *historyRun) load(ctx context.Context) (err error) {
	begin(r.Part, "alone")
	r.res.Quiet, err = r.meanwhile(ctx, func() error {
		wait(ctx, r.For, nil, nil)
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	w, events := openWindow(r.Usage), uint64(0)
	for i, behind := range r.Behind {
		if r.Progress != nil {
			r.Progress(i + 1)
		}
		begin(r.Part, fmt.Sprintf("behind-%d", behind))
		c, err := r.step(ctx, behind)
		if err != nil {
			return err
		}
		r.res.CatchUps = append(r.res.CatchUps, c)
		events += uint64(behind) * uint64(c.Tries)
	}
	r.res.Window = w.close(runtime.GOMAXPROCS(0))
	r.res.PerEvents = perMillion(r.res.Window.ServerCPU, events)
	r.res.Verified = true
	return nil
}

// step lets clients come back that have missed so many events, one after the other.
func (r *historyRun) step(ctx context.Context, behind int) (CatchUp, error) {
	c := CatchUp{Behind: behind, Tries: max(min(r.Tries, historyMost/behind), min(r.Tries, historyTries))}
	welcome, caught := newHistogram(), newHistogram()
	var reading time.Duration
	tries := 0
	var err error
	c.Others, err = r.meanwhile(ctx, func() error {
		least := time.Now().Add(historyLeast)
		for try := 0; try < c.Tries || behind <= bumpAtOnce && time.Now().Before(least); try++ {
			began := time.Now()
			welcomed, err := r.catchUp(ctx, behind, try)
			if err != nil {
				return fmt.Errorf("come back %d events behind: %w", behind, err)
			}
			record(welcome, welcomed.Sub(began))
			record(caught, time.Since(began))
			reading += time.Since(welcomed)
			tries++
		}
		return nil
	})
	c.Tries = tries
	c.Welcome, c.CaughtUp = latencyOf(welcome), latencyOf(caught)
	c.PerSecond = float64(behind) * float64(c.Tries) / reading.Seconds()
	return c, err
}

// catchUp comes back and reads everything missed. It returns when the welcome came.
func (r *historyRun) catchUp(ctx context.Context, behind, try int) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cursor := wire.Cursor{Epoch: r.epoch, Revision: r.last - uint64(behind)}
	l, welcome, err := dialFrom(ctx, r.Target, r.entity(), "bench", fmt.Sprintf("bench-%s-%d-%d", r.name, behind, try), true, cursor.String())
	at := time.Now()
	if err != nil {
		return at, err
	}
	defer l.close()
	if !welcome.Resumed {
		return at, errors.New("it got a fresh state")
	}
	v := &viewer{link: l}
	v.rev.Store(cursor.Revision)
	if err := l.conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		return at, err
	}
	for v.rev.Load() < r.last {
		if err := l.read(v.take); err != nil {
			return at, fmt.Errorf("at revision %d of %d: %w", v.rev.Load(), r.last, err)
		}
	}
	if got := v.events.Load(); got != uint64(behind) || v.lost.Load()+v.conflated.Load() != 0 {
		return at, fmt.Errorf("got %d events, %d skipped, %d by a fresh state", got, v.lost.Load(), v.conflated.Load())
	}
	return at, nil
}

// meanwhile runs f while others send commands, and returns how long those took, each from when it was due.
func (r *historyRun) meanwhile(ctx context.Context, f func() error) (Latency, error) {
	r.crews++
	name := fmt.Sprintf("%s-%d", r.name, r.crews)
	return others{target: r.Target, name: name, links: r.Others, rate: r.Rate}.during(ctx, f)
}
