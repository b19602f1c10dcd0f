package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// joinersAtOnce is how many links come at the same time, at most.
const joinersAtOnce = 16

var (
	welcomeHead = []byte(`{"type":"welcome"`)
	statusHead  = []byte(`{"type":"status"`)
)

// joinAll brings links, each when it is due, until the phase has stopped. Several goroutines share the work.
func (r *stateRun) joinAll(ctx context.Context) error {
	interval := int64(float64(time.Second) / r.Joiners)
	var room []byte
	for {
		n := r.joined.Add(1) - 1
		due := r.half.Load() + int64(n)*interval
		if !r.until(ctx, due) {
			r.joined.Add(^uint64(0))
			return nil
		}
		var err error
		if room, err = r.joinOne(ctx, n, room); err != nil {
			if r.phase.stop.Load() {
				return nil // the run is over, and what was under way is cut off
			}
			return fmt.Errorf("joiner %d: %w", n, err)
		}
		r.join.add(int(n), time.Duration(r.phase.now()-due))
	}
}

// until waits until then, and returns false when the phase stops before.
func (r *stateRun) until(ctx context.Context, then int64) bool {
	for !r.phase.stop.Load() && ctx.Err() == nil {
		left := time.Duration(then - r.phase.now())
		if left <= 0 {
			return true
		}
		time.Sleep(min(left, 20*time.Millisecond))
	}
	return false
}

// joinOne takes the welcome as bytes: to decode it would cost the generator more than it costs the server to make it.
func (r *stateRun) joinOne(ctx context.Context, n uint64, room []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, drain)
	defer cancel()
	l, err := connect(ctx, r.Target, r.entity(), "bench", "bench-"+r.name+"-joiner-"+strconv.FormatUint(n, 10), true, "")
	if err != nil {
		return room, err
	}
	defer l.close()
	deadline, _ := ctx.Deadline()
	if err := l.conn.SetReadDeadline(deadline); err != nil {
		return room, err
	}
	room = append(room[:0], l.in[l.from:l.to]...)
	for {
		head, size, ok := header(room)
		if ok && len(room) >= head+size {
			payload := room[head : head+size]
			if bytes.HasPrefix(payload, statusHead) {
				room = append(room[:0], room[head+size:]...)
				continue
			}
			if !bytes.HasPrefix(payload, welcomeHead) {
				return room, fmt.Errorf("got %.200s", payload)
			}
			r.length.Store(int64(size))
			return room, nil
		}
		if need := head + size; ok && cap(room) < need {
			room = append(make([]byte, 0, need+readBytes), room...)
		} else if cap(room)-len(room) < readBytes {
			room = append(make([]byte, 0, 2*cap(room)+4*readBytes), room...)
		}
		got, err := l.conn.Read(room[len(room):cap(room)])
		room = room[:len(room)+got]
		if errors.Is(err, io.EOF) {
			return room, errClosed
		}
		if err != nil {
			return room, err
		}
	}
}
