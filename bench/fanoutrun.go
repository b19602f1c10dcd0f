package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
)

// paint is one command of the run.
type paint struct {
	due  atomic.Int64
	seen atomic.Int32
}

// fanoutRun is one run under way.
type fanoutRun struct {
	Fanout
	phase   *phase
	took    *recorder
	last    *recorder
	acks    *recorder
	senders []*sender
	viewers []*viewer
	stalled []*link
	next    atomic.Uint32   // paint to send
	paints  []paint         // by number
	order   []atomic.Uint32 // by revision: paint's number + 1, as the first viewer saw it
	mixed   atomic.Uint64   // events that two viewers saw differently
	final   atomic.Uint64   // highest revision acknowledged
	bare    float64         // CPU of a bare write, µs
}

func (r *fanoutRun) entity() string { return "board/bench-" + r.name }

func (r *fanoutRun) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute+time.Duration(r.Links)*2*time.Millisecond)
	defer cancel()
	r.senders = make([]*sender, r.Senders)
	r.viewers = make([]*viewer, r.Links)
	r.stalled = make([]*link, r.Stalled)
	return errors.Join(
		each(r.Senders, 16, func(i int) error {
			l, _, err := dial(ctx, r.Target, r.entity(), "bench", fmt.Sprintf("bench-%s-sender-%d", r.name, i), false)
			if err != nil {
				return err
			}
			r.senders[i] = &sender{link: l, number: i, phase: r.phase, took: r.acks, compose: r.compose, acked: r.acked}
			return nil
		}),
		each(r.Links, 16, func(i int) error {
			v, err := watch(ctx, r.Target.spread(i), r.entity(), fmt.Sprintf("bench-%s-viewer-%d", r.name, i), i)
			if err != nil {
				return err
			}
			v.seen = r.eye(i)
			r.viewers[i] = v
			return nil
		}),
		each(r.Stalled, 16, func(i int) error {
			l, _, err := dial(ctx, r.Target, r.entity(), "bench-stalled", fmt.Sprintf("bench-%s-stalled-%d", r.name, i), true)
			r.stalled[i] = l
			return err
		}),
	)
}

// compose appends the next paint of the run.
func (r *fanoutRun) compose(dst []byte, due int64) []byte {
	n := r.next.Add(1) - 1
	r.paints[n%boardCells].due.Store(due)
	return fmt.Appendf(dst, `,"name":"paint","data":{"x":%d,"y":%d,"color":%d}`, n&255, n>>8&255, n>>16&15)
}

func (r *fanoutRun) acked(rev uint64) {
	for {
		old := r.final.Load()
		if rev <= old || r.final.CompareAndSwap(old, rev) {
			return
		}
	}
}

// eye returns what viewer i does with an event.
func (r *fanoutRun) eye(i int) func(rev uint64, data []byte, at time.Time) {
	return func(rev uint64, data []byte, at time.Time) {
		var xyc [3]uint64
		if !numbers(data, xyc[:]) || rev >= uint64(len(r.order)) {
			r.mixed.Add(1)
			return
		}
		n := uint32(xyc[0] | xyc[1]<<8 | xyc[2]<<16)
		if first := &r.order[rev]; !first.CompareAndSwap(0, n+1) && first.Load() != n+1 {
			r.mixed.Add(1)
			return
		}
		p := &r.paints[n%boardCells]
		due, now := p.due.Load(), r.phase.since(at)
		took := time.Duration(now - due)
		last := p.seen.Add(1) == int32(r.Links)
		if !r.phase.measured(due) {
			return
		}
		r.took.add(i, took)
		if last {
			r.last.add(i, took)
		}
	}
}

// delivered returns how many events the viewers have got so far.
func (r *fanoutRun) delivered() (n uint64) {
	for _, v := range r.viewers {
		n += v.events.Load()
	}
	return n
}

func (r *fanoutRun) load(ctx context.Context) (*FanoutResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	senders, viewers := newCrew(), newCrew()
	for _, v := range r.viewers {
		viewers.add(v.follow)
	}
	interval := time.Duration(float64(time.Second) * float64(r.Senders) / r.Events)
	for i, s := range r.senders {
		senders.add(func() error {
			return s.openLoop(ctx, interval, interval*time.Duration(i)/time.Duration(r.Senders))
		})
	}
	wait(ctx, r.Warmup, senders.failed, r.Progress)
	stalls := watchStalls(ctx, r.Metrics)
	w, before := openWindow(r.Usage), r.delivered()
	r.phase.open()
	wait(ctx, r.For, senders.failed, func(passed time.Duration) {
		if r.Progress != nil {
			r.Progress(r.Warmup + passed)
		}
	})
	r.phase.shut()
	measured, used := r.delivered()-before, w.close(runtime.GOMAXPROCS(0))
	held := stalls.since(ctx)
	for _, s := range r.senders {
		s.stopReading()
	}
	if senders.hasFailed() {
		r.close() // so that nobody waits for answers that will not come
	}
	err := senders.wait()
	until := time.Now().Add(drain)
	for _, v := range r.viewers {
		if err != nil || !v.reach(r.final.Load(), until) {
			break
		}
	}
	for _, v := range r.viewers {
		v.end()
	}
	if err := errors.Join(err, viewers.wait()); err != nil {
		return nil, err
	}
	res, err := r.result(used, measured)
	res.Stalls = held
	return res, err
}

func (r *fanoutRun) result(w Window, measured uint64) (*FanoutResult, error) {
	res := &FanoutResult{
		Settings: r.Fanout, Window: w, Events: r.final.Load(),
		Expected: r.final.Load() * uint64(r.Links), Delivered: r.delivered(), Measured: measured,
		PerSecond: float64(measured) / w.Seconds, CPUPerMillion: perMillion(w.ServerCPU, measured),
		Latency: r.took.latency(), Last: r.last.latency(), Ack: r.acks.latency(),
		BareWrite: r.bare,
	}
	for _, v := range r.viewers {
		res.Conflated += v.conflated.Load()
		res.Repeated += v.repeated.Load()
	}
	res.Lost = res.Expected - min(res.Expected, res.Delivered+res.Conflated)
	var acked uint64
	for _, s := range r.senders {
		acked += s.answered.Load()
		res.EventsRate += float64(s.measured.Load()) / w.Seconds
		res.Rejected += s.refused.Load()
		if code := s.refusal.Load(); code != nil {
			res.Rejection = *code
		}
	}
	switch {
	case r.mixed.Load() > 0:
		return res, fmt.Errorf("bench: viewers saw %d events differently", r.mixed.Load())
	case res.Repeated > 0:
		return res, fmt.Errorf("bench: %d events were delivered again", res.Repeated)
	case acked != res.Events:
		return res, fmt.Errorf("bench: %d commands acknowledged, the board is at revision %d", acked, res.Events)
	case res.Lost > 0 || res.Delivered > res.Expected:
		return res, fmt.Errorf("bench: delivered %d of %d events, %d by a fresh state, %d lost", res.Delivered, res.Expected, res.Conflated, res.Lost)
	}
	res.Verified = true
	return res, nil
}

func (r *fanoutRun) close() {
	for _, s := range r.senders {
		if s != nil {
			s.link.close()
		}
	}
	for _, v := range r.viewers {
		if v != nil {
			v.link.close()
		}
	}
	for _, l := range r.stalled {
		if l != nil {
			l.close()
		}
	}
}
