package bench

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"github.com/tutti-rt/tutti/wire"
)

// handlerScenarios are those of an application's handlers that do what handlers should not.
func handlerScenarios() []Scenario {
	return []Scenario{
		{Name: "sleep", What: "200 entities whose handlers sleep for 5 s, again and again, and one of them flooded meanwhile", Run: abuseSleep},
		{Name: "panic", What: "32 entities whose handlers panic in decisions, events, views and queries, as fast as they answer", Run: abusePanic},
		{Name: "allocate", What: "a handler that allocates 1 GB and touches all of it, again and again", Growth: 4 << 30, Run: abuseAllocate},
		{
			Name: "allocate-limited", What: "the same with GOMEMLIMIT=1500MiB", Env: []string{"GOMEMLIMIT=1500MiB"},
			Growth: 2500 << 20, Run: abuseAllocate,
		},
	}
}

// floods is how many links flood the one entity, each with as many commands as a connection may have unanswered.
const floods = 40

func abuseSleep(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	until := time.Now().Add(e.For)
	sleep := min(5*time.Second, e.For/2)
	var slept atomic.Int64
	took := newRecorder()
	sleepers := newCrew()
	for i := range e.Number(200) {
		sleepers.add(func() error {
			h, err := openHazard(ctx, e.Target, fmt.Sprintf("sleep-%d", i))
			if err != nil {
				return err
			}
			defer h.close()
			for time.Now().Before(until) {
				began := time.Now()
				if err := h.expect(ctx, "", "sleep", fmt.Sprintf(`{"ms":%d}`, sleep.Milliseconds())); err != nil {
					return err
				}
				if passed := time.Since(began); passed < sleep {
					return fmt.Errorf("a handler that sleeps for %s was answered after %s", sleep, passed)
				}
				took.add(i, time.Since(began))
				slept.Add(1)
			}
			return h.verify(ctx)
		})
	}
	overloaded := 0
	sleepers.add(func() (err error) {
		overloaded, err = flood(ctx, e, sleep)
		return err
	})
	err := sleepers.wait()
	if err == nil && sleep > 2*time.Second && !strings.Contains(e.Node.Output(), "slow turn") {
		err = fmt.Errorf("the node's log does not say which turns are slow")
	}
	l := took.latency()
	return []Figure{
		{Name: "turns that slept", Value: float64(slept.Load())},
		{Name: "p99 of their answers", Value: float64(l.P99) / 1e6, Unit: "s"},
		{Name: "commands refused as overloaded, by the one that was flooded", Value: float64(overloaded)},
	}, err
}

// flood sends commands to one entity whose handler sleeps. Each is answered: carried out in the end, or refused.
func flood(ctx context.Context, e *AbuseEnv, sleep time.Duration) (overloaded int, err error) {
	const id = "flooded"
	h, err := openHazard(ctx, e.Target, id)
	if err != nil {
		return 0, err
	}
	defer h.close()
	links := make([]*hazard, floods)
	for i := range links {
		if links[i], err = openHazard(ctx, e.Target, id); err != nil {
			return 0, err
		}
		defer links[i].close()
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	all.Go(func() {
		if failed := h.expect(ctx, "", "sleep", fmt.Sprintf(`{"ms":%d}`, sleep.Milliseconds())); failed != nil {
			mu.Lock()
			defer mu.Unlock()
			err = failed
		}
	})
	if err := pause(ctx, sleep/10); err != nil {
		return 0, err
	}
	for _, l := range links {
		all.Go(func() {
			refused, failed := l.burst(ctx, maxUnanswered-1)
			mu.Lock()
			defer mu.Unlock()
			if overloaded += refused; failed != nil {
				err = failed
			}
		})
	}
	all.Wait()
	if err != nil {
		return overloaded, err
	}
	for _, l := range links {
		h.counted += l.counted
	}
	return overloaded, h.verify(ctx)
}

// burst sends so many commands at once, and returns how many were refused as overloaded.
func (h *hazard) burst(ctx context.Context, n int) (overloaded int, err error) {
	for range n {
		h.issued++
		h.link.queue(ws.OpText, fmt.Appendf(nil, `{"type":"command","id":%d,"name":"work","data":{}}`, h.issued))
	}
	if err := h.link.flush(); err != nil {
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() { _ = h.link.conn.SetReadDeadline(time.Now()) })
	defer stop()
	for answered := 0; answered < n; {
		err := h.link.read(func(frame []byte, _ time.Time) error {
			f, err := wire.DecodeServerFrame(frame)
			switch {
			case err != nil:
				return err
			case f.Type == wire.TypeTerminate:
				return fmt.Errorf("terminated: %s: %s", f.Code, f.Message)
			case f.Type == wire.TypeReject && f.Code != wire.CodeOverloaded:
				return fmt.Errorf("a flooded entity rejected with %s: %s", f.Code, f.Message)
			case f.Type == wire.TypeReject:
				overloaded++
				answered++
			case f.Type == wire.TypeAck:
				h.counted++
				answered++
			}
			return nil
		})
		if err != nil {
			return overloaded, err
		}
	}
	return overloaded, nil
}

func abusePanic(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	var panics atomic.Int64
	hazards := make([]*hazard, e.Number(atOnce))
	err := each(len(hazards), 8, func(i int) (err error) {
		hazards[i], err = openHazard(ctx, e.Target, fmt.Sprintf("panic-%d", i))
		return err
	})
	defer func() {
		for _, h := range hazards {
			h.close()
		}
	}()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	err = hammer(ctx, e, len(hazards), func(_ context.Context, i int) error {
		n, err := hazards[i].panics(ctx) // to its end, so that what was acknowledged is known
		panics.Add(int64(n))
		return err
	})
	figures := []Figure{rate("panics, each answered internal", panics.Load(), began)}
	if err != nil {
		return figures, err
	}
	return figures, each(len(hazards), 8, func(i int) error { return hazards[i].verify(ctx) })
}

// panics has each kind of handler panic, and between them the entity do its work.
func (h *hazard) panics(ctx context.Context) (n int, err error) {
	for _, name := range []string{"panic", "poison"} {
		if err := h.expect(ctx, wire.CodeInternal, name, `{}`); err != nil {
			return n, err
		}
		n++
		if err := h.expect(ctx, "", "work", `{}`); err != nil {
			return n, fmt.Errorf("after %s: %w", name, err)
		}
	}
	f, err := h.query(ctx, "panic")
	if err == nil && f.Code != wire.CodeInternal {
		err = fmt.Errorf("query panic: code %q", f.Code)
	}
	if err != nil {
		return n, err
	}
	n++
	before := h.counted
	defer func() { h.counted = min(h.counted, before) }() // these do not count
	if err := h.expect(ctx, "", "sicken", `{"on":true}`); err != nil {
		return n, err
	}
	l, _, err := dial(ctx, h.target, "hazard/"+h.id, "bench", h.conn+"-viewer", true)
	if err == nil {
		l.close()
		return n, fmt.Errorf("a state that cannot be viewed was shown")
	}
	n++
	return n, h.expect(ctx, "", "sicken", `{"on":false}`)
}

func abuseAllocate(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	h, err := openHazard(ctx, e.Target, "allocate")
	if err != nil {
		return nil, err
	}
	defer h.close()
	size := e.Number(1 << 30)
	took := newRecorder()
	for until := time.Now().Add(e.For); time.Now().Before(until); {
		began := time.Now()
		if err := h.expect(ctx, "", "allocate", fmt.Sprintf(`{"bytes":%d}`, size)); err != nil {
			return nil, err
		}
		took.add(0, time.Since(began))
	}
	l := took.latency()
	return []Figure{
		{Name: fmt.Sprintf("allocations of %s", megabytes(int64(size))), Value: float64(h.counted)},
		{Name: "p50 of each", Value: float64(l.P50) / 1e3, Unit: "ms"},
	}, h.verify(ctx)
}
