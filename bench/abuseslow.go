package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"time"
)

const (
	slowBoard    = "abused"
	tooSlow      = 16     // bytes a second: the socket does not drain for longer than the node waits
	slowButThere = 20_000 // bytes a second: a fifth of what the board has to say
	drainedTime  = 10 * time.Second
)

// abuseSlow has slow readers at a board that others watch as well: those must get every event.
func abuseSlow(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	subs := newSubjects(e.Target)
	slow := make([]*intruder, e.Number(5000))
	if err := each(len(slow), 32, func(i int) error {
		token, err := subs.token(i % 16)
		if err != nil {
			return err
		}
		buffer := 2 << 10
		if i%2 == 1 {
			buffer = 2 * slowButThere
		}
		n, err := intrude(ctx, e.Target, "board/bench-"+slowBoard+"?conn=abuser-"+rand.Text(), token, buffer)
		if err == nil && n.status != http.StatusSwitchingProtocols {
			err = fmt.Errorf("a handshake got %d", n.status)
		}
		slow[i] = n
		return err
	}); err != nil {
		return nil, err
	}
	readers := newCrew()
	for i, n := range slow {
		pace := tooSlow
		if i%2 == 1 {
			pace = slowButThere
		}
		readers.add(func() error {
			sip(ctx, n, pace)
			reset(n.Conn)
			return nil
		})
	}
	beside := Fanout{
		Target: e.Target, name: slowBoard, Links: 20, Senders: 4, Events: float64(e.Number(1000)), Warmup: time.Millisecond, For: e.For,
	}
	res, err := beside.Run(ctx)
	cancel()
	_ = readers.wait()
	figures := []Figure{{Name: "slow readers", Value: float64(len(slow))}}
	if res != nil {
		figures = append(figures,
			Figure{Name: "events/s of their board", Value: res.EventsRate},
			Figure{Name: "p99 of the 20 viewers beside them", Value: float64(res.Latency.P99) / 1000, Unit: "ms"},
			Figure{Name: "conflated events of those", Value: float64(res.Conflated)})
	}
	return figures, err
}

// sip reads so many bytes a second until the node ends the link or ctx is done.
func sip(ctx context.Context, n *intruder, pace int) {
	b := make([]byte, pace)
	for pause(ctx, time.Second) == nil {
		_ = n.SetReadDeadline(time.Now().Add(time.Minute)) // fails when closed, as the read does
		if _, err := n.Read(b); err != nil {
			return
		}
	}
}

// checkSlow wants those who do not drain to be ended, and those who are merely behind to be kept up by fresh states.
func checkSlow(e *AbuseEnv, rose map[string]float64) error {
	if e.For < 2*drainedTime || e.Scale < 1 {
		return nil // too short to see
	}
	if least := float64(e.Number(5000)) / 4; rose["tutti_edge_slow_consumers_total"] < least {
		return fmt.Errorf("%.0f slow consumers were ended, want %.0f at least", rose["tutti_edge_slow_consumers_total"], least)
	}
	if least := float64(e.Number(5000)) / 10; rose["tutti_edge_conflations_total"] < least {
		return fmt.Errorf("those who were behind got %.0f fresh states, want %.0f at least", rose["tutti_edge_conflations_total"], least)
	}
	return nil
}
