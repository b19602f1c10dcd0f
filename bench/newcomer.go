package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"
)

const (
	newcomers      = 2
	newcomerPause  = 100 * time.Millisecond // between two that come to the same place
	newcomerWaits  = 10 * time.Second
	newcomerEntity = "counter/bench-newcomers"
)

// come has clients come one after the other, each to look at its welcome and leave. One that is due while the one before
// still waits comes late, and its time counts from when it was due.
func (c *crowd) come(ctx context.Context, number int) error {
	due := c.since(time.Now()) + int64(newcomerPause)/newcomers*int64(number)
	for !c.quiet.Load() {
		if pause(ctx, time.Duration(due-c.since(time.Now()))) != nil {
			return nil
		}
		one, cancel := context.WithTimeout(ctx, newcomerWaits)
		l, _, err := dial(one, c.target, newcomerEntity, fmt.Sprintf("newcomer-%d", number), "bench-newcomer-"+rand.Text(), true)
		cancel()
		if err == nil {
			c.record(&c.connects, number, due, time.Now())
			l.close()
		} else if p, ok := c.phaseOf(due); ok && p == phaseDuring && !c.ending.Load() {
			why := err.Error()
			c.turnedAway.Add(1)
			c.turnedBy.Store(&why)
		}
		due += int64(newcomerPause)
		if err != nil { // a client that is refused waits; those that were due meanwhile were refused with it
			due = max(due, c.since(time.Now()))
		}
	}
	return nil
}
