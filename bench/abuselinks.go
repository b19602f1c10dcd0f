package bench

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"
)

// networkScenarios are those of clients that misbehave on the network.
func networkScenarios() []Scenario {
	return []Scenario{
		{Name: "connects", What: "TCP connections opened and closed at once, without a request, as fast as the machine can", Apart: true, Run: abuseConnects},
	}
}

// atOnce is how many abusers of a kind are at it at a time, where it is about speed.
const atOnce = 32

// hammer has some abusers do the same over and over for as long as the abuse lasts. The first error ends it.
func hammer(ctx context.Context, e *AbuseEnv, abusers int, once func(ctx context.Context, i int) error) error {
	until := time.Now().Add(e.For)
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	c := newCrew()
	for i := range abusers {
		c.add(func() error {
			for ctx.Err() == nil && !c.hasFailed() {
				// A deadline may end once before it shows in ctx.
				if err := once(ctx, i); err != nil && ctx.Err() == nil && time.Now().Before(until) {
					return err
				}
			}
			return nil
		})
	}
	return c.wait()
}

// address returns the host:port of the target.
func (t Target) address() string {
	_, rest, _ := strings.Cut(t.URL, "://")
	return rest
}

// reset has the connection closed by a reset, without the states that a close leaves behind.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails on a broken one, whose end is the same
	}
	_ = c.Close()
}

func abuseConnects(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	var dialer net.Dialer
	var opened atomic.Int64
	began := time.Now()
	err := hammer(ctx, e, atOnce, func(ctx context.Context, _ int) error {
		c, err := dialer.DialContext(ctx, "tcp", e.Target.address())
		if err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		reset(c)
		opened.Add(1)
		return nil
	})
	return []Figure{rate("connections", opened.Load(), began)}, err
}

// rate is a figure of so many a second.
func rate(what string, n int64, since time.Time) Figure {
	return Figure{Name: what, Value: float64(n) / time.Since(since).Seconds(), Unit: "a second"}
}
