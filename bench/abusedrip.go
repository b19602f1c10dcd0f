package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// headerTime is how long the node gives a request's headers.
const headerTime = 10 * time.Second

// abuseLoris has connections send the headers of a request so slowly that they never end. The node must end the
// connection.
func abuseLoris(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	request := e.Target.handshake("counter/abused?conn=abuser-0123456789", "none")
	var opened, ended atomic.Int64
	err := hammer(ctx, e, e.Number(1000), func(ctx context.Context, _ int) error {
		n, err := knock(ctx, e.Target, 0)
		if err != nil {
			return err
		}
		defer reset(n.Conn)
		opened.Add(1)
		closed := make(chan struct{})
		go func() { // ends with the connection
			defer close(closed)
			_, _ = n.in.ReadByte()
		}()
		defer func() { <-closed }()
		defer n.Close()
		began := time.Now()
		for i := 0; ; i++ {
			select {
			case <-closed:
				ended.Add(1)
				return nil
			default:
			}
			if time.Since(began) > 2*headerTime {
				return fmt.Errorf("the node waited more than %s for headers", 2*headerTime)
			}
			_, _ = n.Write(request[i%40 : i%40+1]) // of the path, which never ends; the reader sees the end
			if pause(ctx, 100*time.Millisecond) != nil {
				return nil
			}
		}
	})
	if err == nil && e.For > 2*headerTime && ended.Load() == 0 {
		err = errors.New("no connection was ended")
	}
	return []Figure{{Name: "connections", Value: float64(opened.Load())}, {Name: "ended by the node", Value: float64(ended.Load())}}, err
}

// abuseDrip sends commands a byte at a time. Each must be carried out all the same.
func abuseDrip(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	var sent, answered atomic.Int64
	subs := newSubjects(e.Target)
	began := time.Now()
	drippers := newCrew()
	for i := range e.Number(100) {
		drippers.add(func() error { return dripper(ctx, e, subs, i, &sent, &answered) })
	}
	err := drippers.wait()
	return []Figure{rate("segments of a byte", sent.Load(), began), {Name: "commands answered", Value: float64(answered.Load())}}, err
}

// dripper is one link that drips for the time of the abuse.
func dripper(ctx context.Context, e *AbuseEnv, subs *subjects, number int, sent, answered *atomic.Int64) error {
	token, err := subs.token(number)
	if err != nil {
		return err
	}
	n, err := intrude(ctx, e.Target, fmt.Sprintf("counter/abused-%d?watch=0&conn=abuser-dripping-%06d", number, number), token, 0)
	if err != nil {
		return err
	}
	defer n.Close()
	if n.status != http.StatusSwitchingProtocols {
		return fmt.Errorf("a handshake got %d", n.status)
	}
	var commands, acks atomic.Int64
	reading := newCrew()
	reading.add(func() error {
		for {
			op, payload, err := n.next(1 << 10)
			if err != nil {
				return nil // the writer misses the answer
			}
			if _, _, ok := ack(payload); ok && op == ws.OpText {
				acks.Add(1)
				answered.Add(1)
			}
			if op == ws.OpClose {
				return fmt.Errorf("the node ended a link that dripped: %q", payload)
			}
		}
	})
	until := time.Now().Add(e.For)
	for id := 1; time.Now().Before(until) && ctx.Err() == nil && !reading.hasFailed(); id++ {
		for b := range bytesOf(appendFrame(nil, ws.OpText, fmt.Appendf(nil, `{"type":"command","id":%d,"name":"add","data":{"by":1}}`, id))) {
			if _, err := n.Write(b); err != nil { // TCP_NODELAY is how Go makes sockets
				return errors.Join(err, reading.wait())
			}
			sent.Add(1)
		}
		commands.Add(1)
		for commands.Load()-acks.Load() >= mostPending && !reading.hasFailed() && pause(ctx, time.Millisecond) == nil {
		}
	}
	for wait := time.Now().Add(drain); acks.Load() < commands.Load() && time.Now().Before(wait) && !reading.hasFailed(); {
		if pause(ctx, 5*time.Millisecond) != nil {
			break
		}
	}
	n.Close()
	if err := reading.wait(); err != nil {
		return err
	}
	if acks.Load() != commands.Load() {
		return fmt.Errorf("%d of %d commands that dripped were answered", acks.Load(), commands.Load())
	}
	return nil
}

// bytesOf goes through b one byte at a time.
func bytesOf(b []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for i := range b {
			if !yield(b[i : i+1]) {
				return
			}
		}
	}
}
