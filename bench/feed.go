package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"
)

// Feeding tells many entities from few. What has been told is not answered, so that the server's count of records
// says how far it is.
const (
	feeders     = 256
	feedAtOnce  = 50   // entities told by one command
	feedAhead   = 2000 // entities told and not filled yet, about: what waits longer than a second is told again
	feedSettled = 1500 * time.Millisecond
	feedStall   = 30 * time.Second
)

// feed makes n tallies with that many events each, whose names are prefix and a number.
type feed struct {
	target    Target
	metrics   Metrics
	prefix    string
	n, events int
	progress  func(filled int) // may be nil

	next   atomic.Int64 // entity to tell
	issued atomic.Int64 // commands
	filled atomic.Int64 // about
}

// run returns once all are filled.
func (f *feed) run(ctx context.Context) error {
	base, ok := f.metrics.read(ctx)["tutti_state_records_total"]
	if !ok {
		return errors.New("bench: the server does not tell how many records it has stored")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	feeding, watching := newCrew(), newCrew()
	watching.add(func() error {
		defer cancel() // a server that has stopped fills nothing more
		return f.follow(ctx, base, feeding)
	})
	for i := range min(feeders, max(1, f.n/feedAtOnce)) {
		feeding.add(func() error { return f.feeder(ctx, i) })
	}
	err := feeding.wait()
	if err != nil {
		cancel()
	} else {
		f.next.Store(int64(f.n)) // the end of follow
	}
	return errors.Join(err, watching.wait())
}

// follow reads how far the server is, until everything is filled.
func (f *feed) follow(ctx context.Context, base float64, feeding *crew) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	last, since := 0.0, time.Now()
	for {
		records := f.metrics.read(ctx)["tutti_state_records_total"] - base
		if records != last {
			last, since = records, time.Now()
		}
		f.filled.Store(int64(records) - f.issued.Load())
		if f.progress != nil {
			f.progress(min(f.n, int(f.filled.Load())))
		}
		quiet := time.Since(since)
		if int(f.filled.Load()) >= f.n && quiet > feedSettled {
			return nil
		}
		if quiet > feedStall {
			return fmt.Errorf("bench: %d of %d entities filled, and no more for %s", f.filled.Load(), f.n, feedStall)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-feeding.failed:
			return nil // it says why
		}
	}
}

// feeder tells entities from feeder i, one command at a time.
func (f *feed) feeder(ctx context.Context, i int) error {
	dialing, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	name := fmt.Sprintf("%sfeeder-%d", f.prefix, i)
	l, _, err := dial(dialing, f.target, "feeder/"+name, fmt.Sprintf("bench-%d", i%16), "bench-"+name, false)
	if err != nil {
		return err
	}
	defer l.close()
	from := 0
	s := &sender{
		link: l, number: i, phase: newPhase(), took: newRecorder(),
		compose: func(dst []byte, _ int64) []byte {
			return fmt.Appendf(dst, `,"name":"feed","data":{"prefix":%q,"first":%d,"entities":%d,"events":%d}`,
				f.prefix, from, min(feedAtOnce, f.n-from), f.events)
		},
	}
	for {
		from = int(f.next.Add(feedAtOnce)) - feedAtOnce
		if from >= f.n {
			return nil
		}
		for int64(from)-f.filled.Load() > feedAhead {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		f.issued.Add(1)
		if _, err := s.oneCommand(); err != nil {
			return fmt.Errorf("feed from %d: %w", from, err)
		}
	}
}

// tally returns the name of entity i.
func (f *feed) tally(i int) string { return "tally/" + f.prefix + strconv.Itoa(i) }
