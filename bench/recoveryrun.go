package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// recoveryRun is one run under way.
type recoveryRun struct {
	Recovery
	name      string
	res       *RecoveryResult
	feed      feed
	counters  []counted
	round     int // try
	listening *hdrhistogram.Histogram
	first     *hdrhistogram.Histogram
	answers   *recorder
}

// counted is what a counter must hold: between those two.
type counted struct{ acked, sent atomic.Uint64 }

func (r *recoveryRun) counter(i int) string { return fmt.Sprintf("counter/bench-%s-%d", r.name, i) }

// fill writes the entities and waits until that is over.
func (r *recoveryRun) fill(ctx context.Context) error {
	r.feed = feed{target: r.Target, metrics: r.Metrics, prefix: r.name + "-", n: r.Entities, events: r.Events, progress: r.Progress}
	begin(r.Part, "fill")
	w := openWindow(r.Usage)
	if err := r.feed.run(ctx); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	used := w.close(1)
	r.res.FillSeconds, r.res.FillCPU = used.Seconds, used.ServerCPU
	var err error
	r.res.Disk, err = r.Disk()
	return err
}

// try kills the server under load, starts it and asks.
func (r *recoveryRun) try(ctx context.Context) error {
	r.round++
	begin(r.Part, "load")
	var s Start
	if err := r.killUnderLoad(ctx, &s); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	begin(r.Part, "start")
	began := time.Now()
	if err := r.Start(ctx); err != nil {
		return err
	}
	s.Listening = time.Since(began).Microseconds()
	if err := r.ask(ctx, rand.IntN(r.Entities)); err != nil {
		return err
	}
	s.FirstAnswer = time.Since(began).Microseconds()
	if u, err := r.Usage(); err == nil {
		s.RSS, s.CPU = u.RSS, u.CPU.Seconds()
	}
	err := each(min(r.Sample, r.Entities), 16, func(int) error { return r.ask(ctx, rand.IntN(r.Entities)) })
	if err != nil {
		return err
	}
	s.Sampled = time.Since(began).Microseconds()
	if u, err := r.Usage(); err == nil {
		s.SampledRSS = u.RSS
	}
	for i := range r.counters {
		n, err := r.value(ctx, r.counter(i), "get")
		if err != nil {
			return err
		}
		c := &r.counters[i]
		if n < c.acked.Load() || n > c.sent.Load() {
			return fmt.Errorf("%s holds %d, acknowledged were %d of %d", r.counter(i), n, c.acked.Load(), c.sent.Load())
		}
		c.acked.Store(n) // what was not answered is decided now
		c.sent.Store(n)
	}
	record(r.listening, time.Duration(s.Listening)*time.Microsecond)
	record(r.first, time.Duration(s.FirstAnswer)*time.Microsecond)
	r.res.Tries = append(r.res.Tries, s)
	return nil
}

// killUnderLoad kills the server while connections send as fast as they may.
func (r *recoveryRun) killUnderLoad(ctx context.Context, s *Start) error {
	phase, took := newPhase(), newRecorder()
	senders := make([]*sender, r.Loaders)
	defer func() {
		for _, s := range senders {
			if s != nil {
				s.link.close()
			}
		}
	}()
	err := each(r.Loaders, 16, func(i int) error {
		dialing, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		l, _, err := dial(dialing, r.Target, r.counter(i), "bench", fmt.Sprintf("bench-%s-%d-loader-%d", r.name, r.round, i), false)
		if err != nil {
			return err
		}
		senders[i] = &sender{
			link: l, number: i, phase: phase, took: took,
			compose: func(dst []byte, _ int64) []byte {
				r.counters[i].sent.Add(1)
				return append(dst, `,"name":"add","data":{"by":1}`...)
			},
			acked: func(uint64) { r.counters[i].acked.Add(1) },
		}
		return nil
	})
	if err != nil {
		return err
	}
	loading := newCrew()
	for _, s := range senders {
		loading.add(func() error { return s.closedLoop(4) })
	}
	wait(ctx, r.Load, loading.failed, nil)
	if loading.hasFailed() || ctx.Err() != nil {
		for _, s := range senders {
			s.link.close()
		}
		return fmt.Errorf("before the kill: %w", loading.wait())
	}
	if err := r.Kill(); err != nil {
		return err
	}
	_ = loading.wait() // the server is gone, which each says
	for _, from := range senders {
		s.Acked += from.answered.Load()
		s.Unanswered += from.outstanding()
	}
	return nil
}

// ask checks one of the tallies.
func (r *recoveryRun) ask(ctx context.Context, i int) error {
	began := time.Now()
	n, err := r.value(ctx, r.feed.tally(i), "count")
	if err != nil {
		return err
	}
	r.answers.add(i, time.Since(began))
	if n != uint64(r.Events) {
		return fmt.Errorf("%s has %d events, %d were filled in", r.feed.tally(i), n, r.Events)
	}
	return nil
}

// value asks an entity for its number, over a link of its own.
func (r *recoveryRun) value(ctx context.Context, entity, query string) (uint64, error) {
	dialing, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	l, _, err := dial(dialing, r.Target, entity, "bench", fmt.Sprintf("bench-%s-asks-%d", r.name, rand.Uint64()), false)
	if err != nil {
		return 0, err
	}
	defer l.close()
	answer, err := (&sender{link: l}).query(query, time.Now().Add(drain))
	if err != nil {
		return 0, fmt.Errorf("ask %s: %w", entity, err)
	}
	var got struct{ N uint64 }
	if err := json.Unmarshal(answer, &got); err != nil {
		return 0, fmt.Errorf("ask %s: %w", entity, err)
	}
	return got.N, nil
}

func (r *recoveryRun) result() *RecoveryResult {
	r.res.Listening, r.res.FirstAnswer, r.res.Answers = latencyOf(r.listening), latencyOf(r.first), r.answers.latency()
	r.res.Verified = true
	return r.res
}

// DirectoryBytes returns the size of the files below dir. Those that go away meanwhile do not count.
func DirectoryBytes(dir string) (int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("size of the data: %w", err)
	}
	var sum int64
	for _, e := range entries {
		if e.IsDir() {
			n, err := DirectoryBytes(dir + string(os.PathSeparator) + e.Name())
			if err == nil {
				sum += n
			}
		} else if info, err := e.Info(); err == nil {
			sum += info.Size()
		}
	}
	return sum, nil
}
