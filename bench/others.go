package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// others are connections that send commands to counters of their own at a steady rate.
type others struct {
	target Target
	name   string // of the run, in ids
	links  int
	rate   float64 // commands/s of all
}

// othersBefore is how long others send before they are measured.
const othersBefore = 300 * time.Millisecond

// during runs f while the others send, and returns how long their commands took meanwhile, each from when it was due.
func (o others) during(ctx context.Context, f func() error) (Latency, error) {
	phase, took := newPhase(), newRecorder()
	senders := make([]*sender, o.links)
	defer func() {
		for _, s := range senders {
			if s != nil {
				s.link.close()
			}
		}
	}()
	err := each(o.links, 16, func(i int) error {
		dialing, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		l, _, err := dial(dialing, o.target, fmt.Sprintf("counter/bench-%s-other-%d", o.name, i), "bench-others", fmt.Sprintf("bench-%s-other-%d", o.name, i), false)
		if err != nil {
			return err
		}
		senders[i] = &sender{link: l, number: i, phase: phase, took: took, compose: func(dst []byte, _ int64) []byte {
			return append(dst, `,"name":"add","data":{"by":1}`...)
		}}
		return nil
	})
	if err != nil {
		return Latency{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sending := newCrew()
	interval := time.Duration(float64(time.Second) * float64(o.links) / o.rate)
	for i, s := range senders {
		sending.add(func() error {
			return s.openLoop(ctx, interval, interval*time.Duration(i)/time.Duration(o.links))
		})
	}
	wait(ctx, othersBefore, sending.failed, nil)
	phase.open()
	err = f()
	phase.shut()
	for _, s := range senders {
		s.stopReading()
	}
	if err != nil || sending.hasFailed() {
		cancel()
		for _, s := range senders {
			s.link.close() // so that nobody waits for answers that will not come
		}
	}
	if ended := sending.wait(); err == nil {
		err = ended
	}
	if err != nil && ctx.Err() != nil {
		err = errors.Join(err, context.Cause(ctx))
	}
	return took.latency(), err
}
