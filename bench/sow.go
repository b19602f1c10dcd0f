package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	sowers    = 64
	sowAtOnce = 64     // entities told by one command
	sowAhead  = 20_000 // entities told that have not taken it yet, about
	sowStall  = 30 * time.Second
)

// sowing tells entities to grow, from a few others. What they have taken is not answered: the server's figures
// say how far they are.
type sowing struct {
	target  Target
	metrics Metrics
	name    string                       // of the entities: this and a number
	label   string                       // of this sowing among those of a run
	rate    float64                      // entities told each second; 0: as fast as may be
	next    func() (number int, ok bool) // called by one at a time
	told    func(number int)             // once it is certain, by one at a time
	meter   string                       // figure that grows by one for each entity; default records_total

	mu     sync.Mutex // of next and told
	began  time.Time
	drawn  atomic.Int64 // numbers
	issued atomic.Int64 // commands
	taken  atomic.Int64 // about
}

// run returns how many were told, once all have taken it, and how long that took.
func (s *sowing) run(ctx context.Context) (int, time.Duration, error) {
	records := s.meter == ""
	if records {
		s.meter = "tutti_state_records_total"
	}
	base, ok := s.metrics.read(ctx)[s.meter]
	if !ok {
		return 0, 0, fmt.Errorf("bench: the server does not tell %s", s.meter)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sowing, watching := newCrew(), newCrew()
	var over atomic.Bool
	var took time.Duration
	s.began = time.Now()
	watching.add(func() (err error) {
		took, err = s.follow(ctx, base, records, &over, sowing)
		cancel() // a server that has stopped takes nothing more
		return err
	})
	for i := range sowers {
		sowing.add(func() error { return s.sower(ctx, i) })
	}
	err := sowing.wait()
	over.Store(true)
	err = errors.Join(watching.wait(), err)
	return int(s.drawn.Load()), took, err
}

// follow reads how far the server is, until everything is taken.
func (s *sowing) follow(ctx context.Context, base float64, records bool, over *atomic.Bool, sowing *crew) (time.Duration, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	last, since := 0.0, time.Now()
	for {
		done := over.Load()
		figure := s.metrics.read(ctx)[s.meter] - base
		if figure != last {
			last, since = figure, time.Now()
		}
		taken := int64(figure)
		if records {
			taken -= s.issued.Load()
		}
		s.taken.Store(taken)
		if done && s.taken.Load() >= s.drawn.Load() {
			return time.Since(s.began), nil
		}
		if time.Since(since) > sowStall {
			return 0, fmt.Errorf("bench: %d of %d entities have taken what they were told, and no more for %s", s.taken.Load(), s.drawn.Load(), sowStall)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-sowing.failed:
			return 0, nil // it says why
		}
	}
}

// sower tells entities from sower i, one command at a time.
func (s *sowing) sower(ctx context.Context, i int) error {
	dialing, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	name := fmt.Sprintf("%s-%s-%d", s.name, s.label, i)
	l, _, err := dial(dialing, s.target, "sower/"+name, fmt.Sprintf("bench-%d", i%16), "bench-"+name, false)
	if err != nil {
		return err
	}
	defer l.leave()
	for {
		numbers := s.draw()
		if len(numbers) == 0 {
			return nil
		}
		for s.drawn.Load()-s.taken.Load() > sowAhead || s.rate > 0 && float64(s.drawn.Load()) > s.rate*time.Since(s.began).Seconds() {
			select {
			case <-time.After(2 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		s.issued.Add(1)
		if _, err := l.request(ctx, "command", "sow", s.command(numbers)); err != nil {
			return fmt.Errorf("sow: %w", err)
		}
		s.mu.Lock()
		for _, n := range numbers {
			s.told(n)
		}
		s.mu.Unlock()
	}
}

func (s *sowing) draw() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var numbers []int
	for len(numbers) < sowAtOnce {
		n, ok := s.next()
		if !ok {
			break
		}
		numbers = append(numbers, n)
	}
	s.drawn.Add(int64(len(numbers)))
	return numbers
}

func (s *sowing) command(numbers []int) []byte {
	data := fmt.Appendf(nil, `{"name":%q,"numbers":[`, s.name)
	for i, n := range numbers {
		if i > 0 {
			data = append(data, ',')
		}
		data = strconv.AppendInt(data, int64(n), 10)
	}
	return append(data, "]}"...)
}

// inTurn yields the numbers one after the other.
func inTurn(numbers []int) func() (int, bool) {
	left := slices.Clone(numbers)
	return func() (int, bool) {
		if len(left) == 0 {
			return 0, false
		}
		n := left[0]
		left = left[1:]
		return n, true
	}
}
