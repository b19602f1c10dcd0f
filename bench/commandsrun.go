package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
)

// commandsRun is one run under way.
type commandsRun struct {
	Commands
	name    string // of the run, in ids
	phase   *phase
	took    *recorder
	senders []*sender
	viewers []*viewer
	acks    []atomic.Uint64 // by entity
	batches *Batches
}

func (r *commandsRun) entity(i int) string { return fmt.Sprintf("counter/bench-%s-%d", r.name, i) }

// edge returns where connection i goes.
func (r *commandsRun) edge(i int) Target {
	if i %= len(r.Edges) + 1; i > 0 {
		return r.Edges[i-1]
	}
	return r.Target
}

// call calls f, if there is one.
func call(f func()) {
	if f != nil {
		f()
	}
}

// connect brings all links.
func (r *commandsRun) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r.senders = make([]*sender, r.Connections)
	r.viewers = make([]*viewer, r.Entities*r.Viewers)
	err := each(len(r.senders), 32, func(i int) error {
		l, _, err := dial(ctx, r.edge(i), r.entity(i%r.Entities), fmt.Sprintf("bench-%d", i%16), fmt.Sprintf("bench-%s-sender-%d", r.name, i), r.Watch)
		if err != nil {
			return err
		}
		acks := &r.acks[i%r.Entities]
		r.senders[i] = &sender{
			link: l, number: i, phase: r.phase, took: r.took,
			compose: func(dst []byte, _ int64) []byte { return append(dst, `,"name":"add","data":{"by":1}`...) },
			acked:   func(uint64) { acks.Add(1) },
		}
		return nil
	})
	if err != nil {
		return err
	}
	return each(len(r.viewers), 32, func(i int) error {
		v, err := watch(ctx, r.edge(i), r.entity(i%r.Entities), fmt.Sprintf("bench-%s-viewer-%d", r.name, i), i)
		r.viewers[i] = v
		return err
	})
}

// load sends until the time is over and everything under way is answered.
func (r *commandsRun) load(ctx context.Context) (Window, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	senders, viewers := newCrew(), newCrew()
	for _, v := range r.viewers {
		viewers.add(v.follow)
	}
	for i, s := range r.senders {
		senders.add(func() error {
			if r.Rate == 0 {
				return s.closedLoop(r.InFlight)
			}
			interval := time.Duration(float64(time.Second) * float64(r.Connections) / r.Rate)
			return s.openLoop(ctx, interval, interval*time.Duration(i)/time.Duration(r.Connections))
		})
	}
	wait(ctx, r.Warmup, senders.failed, r.Progress)
	before := r.Metrics.read(ctx)
	call(r.Opened)
	w := openWindow(r.Usage)
	r.phase.open()
	wait(ctx, r.For, senders.failed, func(passed time.Duration) {
		if r.Progress != nil {
			r.Progress(r.Warmup + passed)
		}
	})
	r.phase.shut()
	used := w.close(runtime.GOMAXPROCS(0))
	call(r.Shut)
	r.batches = batchesBetween(before, r.Metrics.read(ctx))
	for _, s := range r.senders {
		s.stopReading()
	}
	if senders.hasFailed() {
		r.close() // so that nobody waits for answers that will not come
	}
	err := senders.wait()
	if err == nil {
		r.drainViewers()
	}
	for _, v := range r.viewers {
		v.end()
	}
	return used, errors.Join(err, viewers.wait(), ctx.Err())
}

// drainViewers waits until every viewer has what was acknowledged, within the time for that.
func (r *commandsRun) drainViewers() {
	until := time.Now().Add(drain)
	for i, v := range r.viewers {
		v.reach(r.acks[i%r.Entities].Load(), until)
	}
}

// result puts the figures together and checks that nothing is missing.
func (r *commandsRun) result(w Window) (*CommandsResult, error) {
	res := &CommandsResult{Settings: r.Commands, Window: w, Latency: r.took.latency(), Batches: r.batches}
	if r.Rate == 0 {
		res.Corrected, res.CorrectedEvery = r.took.corrected()
	}
	for _, s := range r.senders {
		res.Commands += s.measured.Load()
		res.Rejected += s.refused.Load()
		if code := s.refusal.Load(); code != nil {
			res.Rejection = *code
		}
	}
	res.PerSecond = float64(res.Commands) / w.Seconds
	res.CPUPerMillion = perMillion(w.ServerCPU, res.Commands)
	if err := r.verify(res); err != nil {
		return res, err
	}
	res.Verified = true
	return res, nil
}

// verify compares every counter with the acknowledgements, and every viewer's events too.
func (r *commandsRun) verify(res *CommandsResult) error {
	deadline := time.Now().Add(drain)
	for i := range r.acks {
		answer, err := r.senders[i].query("get", deadline)
		if err != nil {
			return fmt.Errorf("verify %s: %w", r.entity(i), err)
		}
		var got struct{ N uint64 }
		if err := json.Unmarshal(answer, &got); err != nil {
			return fmt.Errorf("verify %s: %w", r.entity(i), err)
		}
		if want := r.acks[i].Load(); got.N != want {
			return fmt.Errorf("verify %s: it holds %d, acknowledged were %d", r.entity(i), got.N, want)
		}
	}
	for i, v := range r.viewers {
		res.Seen += v.events.Load()
		if want := r.acks[i%r.Entities].Load(); v.events.Load() != want || v.lost.Load() != 0 || v.repeated.Load() != 0 {
			return fmt.Errorf("verify viewer %d: saw %d events of %d, %d skipped, %d again", i, v.events.Load(), want, v.lost.Load(), v.repeated.Load())
		}
	}
	return nil
}

func (r *commandsRun) close() {
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
}
