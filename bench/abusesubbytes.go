package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"github.com/tutti-rt/tutti/wire"
)

// abuseSubBytes has links that keep their own bounds send more together than their subject may: what is too much
// must be rejected, and the links stay.
func abuseSubBytes(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	const each, size = 12 << 20, 32 << 10
	token, err := e.Target.Token("abuser")
	if err != nil {
		return nil, err
	}
	var sent, answered, limited, overloaded atomic.Int64
	padding := bytes.Repeat([]byte("x"), size)
	began := time.Now()
	senders := newCrew()
	for range 8 {
		senders.add(func() error {
			n, err := intrude(ctx, e.Target, "counter/abused?watch=0&conn=abuser-"+rand.Text(), token, 0)
			if err != nil {
				return err
			}
			defer reset(n.Conn)
			if !n.accepted() {
				return fmt.Errorf("a handshake got %d", n.status)
			}
			reading := newCrew()
			reading.add(func() error {
				for {
					op, payload, err := n.next(1 << 10)
					switch {
					case err != nil:
						return nil // the writer sees it
					case op == ws.OpClose:
						return fmt.Errorf("a link within its bounds was ended: %q", payload)
					case bytes.Contains(payload, []byte(wire.CodeRateLimited)):
						limited.Add(1)
					case bytes.Contains(payload, []byte(wire.CodeOverloaded)):
						overloaded.Add(1)
					default:
						answered.Add(1)
					}
				}
			})
			start, out := time.Now(), 0
			for id := 1; time.Since(start) < e.For && ctx.Err() == nil && !reading.hasFailed(); id++ {
				frame := fmt.Appendf(nil, `{"type":"query","id":%d,"name":"get","data":{"x":"%s"}}`, id, padding)
				if _, err := n.Write(appendFrame(nil, ws.OpText, frame)); err != nil {
					break
				}
				out += len(frame)
				sent.Add(int64(len(frame)))
				if ahead := time.Duration(float64(out)/each*float64(time.Second)) - time.Since(start); ahead > 0 {
					_ = pause(ctx, ahead)
				}
			}
			_ = pause(ctx, 100*time.Millisecond)
			n.Close()
			return reading.wait()
		})
	}
	err = senders.wait()
	figures := []Figure{
		rate("MB sent", sent.Load()/1e6, began), rate("queries answered", answered.Load(), began), rate("rejected rate_limited", limited.Load(), began),
		rate("rejected overloaded", overloaded.Load(), began),
	}
	if mean := float64(sent.Load()) / time.Since(began).Seconds(); err == nil && limited.Load() == 0 && e.For > 5*time.Second && mean > 80<<20 {
		err = errors.New("nothing was rejected")
	}
	return figures, err
}
