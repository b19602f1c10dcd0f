package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"github.com/tutti-rt/tutti/wire"
)

// abuseSilent has clients read and never answer a ping: each must be ended after two that it did not answer, and not
// before. Those that were ended come back for as long as the abuse lasts.
func abuseSilent(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	var ended, early atomic.Int64
	subs := newSubjects(e.Target)
	until := time.Now().Add(e.For)
	silent := newCrew()
	for i := range e.Number(1000) {
		silent.add(func() error {
			for again := true; again && ctx.Err() == nil; again = time.Now().Before(until) {
				pings, err := stayedSilent(ctx, e, subs, i)
				if err != nil {
					return err
				}
				ended.Add(1)
				if pings < 2 {
					early.Add(1)
				}
			}
			return nil
		})
	}
	err := silent.wait()
	if err == nil && early.Load() > 0 {
		err = fmt.Errorf("%d links were ended before two pings", early.Load())
	}
	return []Figure{{Name: "links ended with 4408 after two pings", Value: float64(ended.Load())}}, err
}

// stayedSilent is one link that answers no ping. It returns how many there were.
func stayedSilent(ctx context.Context, e *AbuseEnv, subs *subjects, number int) (pings int, err error) {
	token, err := subs.token(number % 16)
	if err != nil {
		return 0, err
	}
	n, err := intrude(ctx, e.Target, "counter/abused?conn=abuser-"+rand.Text(), token, 0)
	if err != nil {
		return 0, err
	}
	defer n.Close()
	if n.status != http.StatusSwitchingProtocols {
		return 0, fmt.Errorf("a handshake got %d", n.status)
	}
	if err := n.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		return 0, err
	}
	for {
		op, payload, err := n.next(1 << 10)
		switch {
		case errors.Is(err, io.EOF):
			return pings, errors.New("a silent link was closed without a close frame")
		case err != nil:
			return pings, err
		case op == ws.OpPing:
			pings++
		case op == ws.OpClose:
			if code, _ := ws.ParseCloseFrameData(payload); code != wire.CloseHeartbeat {
				return pings, fmt.Errorf("a silent link was ended with %d, want %d", code, wire.CloseHeartbeat)
			}
			return pings, nil
		}
	}
}
