package soak

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Node is the process under load. Its functions are called one at a time.
type Node interface {
	// Kill ends it without warning.
	Kill() error
	// Stop asks it to end, and waits until it has.
	Stop(ctx context.Context) error
	// Start starts it again, with the same data at the same address, and returns once it listens.
	Start(ctx context.Context) error
	// PID is the number of its process.
	PID() int
	// Ended is closed when the process is gone, however that came.
	Ended() <-chan struct{}
}

// supervisor ends the node now and then, and starts it again.
type supervisor struct {
	*world
	meter *meter
	rng   *rand.Rand

	kills         atomic.Int64
	again, drains int
	starts        []time.Duration // from a kill until the node listens
	stops         []time.Duration // that a node took to end when it was asked
}

const (
	drainsIn  = 8 // one in so many ends is asked for, by default
	againIn   = 6 // one in so many kills is followed by another one while the node starts
	stallTime = 30 * time.Second
)

// run ends the node at random moments until stop is closed.
func (s *supervisor) run(ctx context.Context, stop <-chan struct{}) error {
	for {
		every := float64(s.config.KillEvery)
		if !s.wait(ctx, time.Duration(every/2+s.rng.Float64()*every), stop) {
			return ctx.Err()
		}
		var err error
		if oneIn(s.rng, cmp.Or(s.config.DrainsIn, drainsIn)) {
			err = s.drain(ctx)
		} else {
			err = s.kill(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// wait waits, and looks whether the node still serves. It returns false once stop is closed. With KillEvery 0 it
// waits for that alone.
func (s *supervisor) wait(ctx context.Context, d time.Duration, stop <-chan struct{}) bool {
	began := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for s.config.KillEvery == 0 || time.Since(began) < d {
		select {
		case <-stop:
			return false
		case <-ctx.Done():
			return false
		case <-s.config.Node.Ended():
			s.failures.add(Failure{Entity: "the node", Broken: "it does not end by itself"})
			return true
		case <-tick.C:
		}
		if since := time.Since(time.Unix(0, s.pauses.last.Load())); since > stallTime && time.Since(began) > stallTime {
			s.failures.add(Failure{Entity: "the node", Broken: "it serves", Told: fmt.Sprintf("no acknowledgement for %.0f s", since.Seconds())})
			s.pauses.last.Store(time.Now().UnixNano())
		}
	}
	return true
}

func (s *supervisor) kill(ctx context.Context) error {
	s.meter.sample()
	killed := time.Now()
	s.gate.shut()
	for {
		s.kills.Add(1)
		if err := s.config.Node.Kill(); err != nil {
			return err
		}
		if oneIn(s.rng, againIn) {
			s.startInVain(ctx)
		}
		if err := s.config.Node.Start(ctx); err != nil {
			return fmt.Errorf("start after kill %d: %w", s.kills.Load(), err)
		}
		s.pid.Store(int64(s.config.Node.PID()))
		if !oneIn(s.rng, againIn) {
			break
		}
		s.again++
		time.Sleep(time.Duration(s.rng.IntN(30)) * time.Millisecond) // it recovers meanwhile
	}
	s.starts = append(s.starts, time.Since(killed))
	generation, _ := s.gate.state()
	s.pauses.begin(killed, generation+1)
	s.gate.open()
	return nil
}

// startInVain starts the node and kills it before it listens, unless it is very fast.
func (s *supervisor) startInVain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Millisecond+time.Duration(s.rng.Int64N(int64(200*time.Millisecond))))
	defer cancel()
	s.kills.Add(1)
	s.again++
	if s.config.Node.Start(ctx) == nil {
		_ = s.config.Node.Kill() // what starts next finds out
	}
}

// drain asks the node to end. Its clients are told when to come back.
func (s *supervisor) drain(ctx context.Context) error {
	s.meter.sample()
	s.drains++
	began := time.Now()
	patience, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := s.config.Node.Stop(patience); err != nil { // it has been killed
		s.failures.add(Failure{Entity: "the node", Broken: "it ends when it is asked: " + err.Error()})
	}
	s.stops = append(s.stops, time.Since(began))
	s.gate.shut()
	if err := s.config.Node.Start(ctx); err != nil {
		return fmt.Errorf("start after a stop: %w", err)
	}
	s.pid.Store(int64(s.config.Node.PID()))
	s.gate.open()
	return nil
}
