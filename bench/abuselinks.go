package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

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

// abuseHalfOpen keeps so many connections that the node must choose which to serve: more than may be open without
// a link. Those that are full of requests must not keep newcomers out.
func abuseHalfOpen(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	const half = "GET /v1/counter/abused HTTP/1.1\r\nHost: node\r\nX-Half: "
	var opened atomic.Int64
	kept := make([][]net.Conn, atOnce)
	each := max(1, e.Number(17_000)/atOnce)
	began := time.Now()
	err := hammer(ctx, e, atOnce, func(ctx context.Context, i int) error {
		n, err := knock(ctx, e.Target, 0)
		if err != nil {
			return err
		}
		_, _ = n.Write([]byte(half)) // a node that is full has closed it
		opened.Add(1)
		if at := int(opened.Load()) % each; len(kept[i]) < each {
			kept[i] = append(kept[i], n.Conn)
		} else {
			reset(kept[i][at])
			kept[i][at] = n.Conn
		}
		return nil
	})
	for _, conns := range kept {
		for _, c := range conns {
			reset(c)
		}
	}
	return []Figure{rate("connections", opened.Load(), began)}, err
}

// abuseAttaches has the node do all the work of links that nobody wants.
func abuseAttaches(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	var accepted, refused atomic.Int64
	subs := newSubjects(e.Target)
	began := time.Now()
	err := hammer(ctx, e, atOnce, func(ctx context.Context, _ int) error {
		number := int(accepted.Load()+refused.Load()) % 1000
		token, err := subs.token(number)
		if err != nil {
			return err
		}
		n, err := intrude(ctx, e.Target, fmt.Sprintf("counter/abused-%d?conn=abuser-%s", number, rand.Text()), token, 0)
		if err != nil {
			return err
		}
		defer reset(n.Conn)
		switch n.status {
		case http.StatusSwitchingProtocols:
			accepted.Add(1)
		case http.StatusTooManyRequests:
			refused.Add(1)
		default:
			return fmt.Errorf("a handshake got %d", n.status)
		}
		return nil
	})
	return []Figure{rate("links", accepted.Load(), began), rate("handshakes refused", refused.Load(), began)}, err
}

// rate is a figure of so many a second.
func rate(what string, n int64, since time.Time) Figure {
	return Figure{Name: what, Value: float64(n) / time.Since(since).Seconds(), Unit: "a second"}
}
