package edge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

const (
	// lastWord is how long an owner's answer may take that comes after the next owner.
	lastWord = time.Second
	// askPause is how long it is until an owner is asked again that has said that it has ended.
	askPause = 50 * time.Millisecond
)

// errOwnerGone means that the owner has changed, and nobody knows whether the one before has done what it was asked for.
var errOwnerGone = errors.New("edge: the entity's owner has gone")

// asking is one question until it has its answer, of whatever owner.
type asking struct {
	edge    *Edge
	lane    string
	owner   bus.Address
	repeats bool // it may be asked twice
	answers <-chan *wire.Envelope
	begun   int64 // ns since the edge was made
	taken   int   // how many owners may have it
}

func (q *asking) ask(ctx context.Context, env *wire.Envelope) (*wire.Envelope, error) {
	for {
		comes := q.edge.recovery.next(q.owner)
		one := *env
		one.Sent = q.edge.clock().UnixMicro()
		if err := q.edge.bus.Send(q.lane, q.owner, &one); err != nil {
			if err := q.await(ctx, comes, err); err != nil {
				return nil, err
			}
			continue
		}
		q.taken++
		select {
		case got := <-q.answers:
			if !q.again(got) {
				return got, nil
			}
			q.taken-- // it has not been begun
			pause(ctx, comes, askPause)
		case <-comes:
			if q.repeats {
				continue
			}
			got, err := q.lastAnswer(ctx)
			if err != nil || !q.again(got) {
				return got, err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// await waits for an owner, where there may be another, after the question could not be sent.
func (q *asking) await(ctx context.Context, comes <-chan struct{}, why error) error {
	for comes != nil && q.left() > 0 && ctx.Err() == nil && q.edge.recovery.reaches(q.owner) {
		if pause(ctx, comes, min(q.left(), recoveryBeat)) {
			return nil
		}
	}
	switch {
	case q.taken > 0:
		return errOwnerGone
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, why)
}

// left returns how much longer an owner is waited for.
func (q *asking) left() time.Duration {
	return q.edge.timing.Owner - time.Duration(q.edge.now()-q.begun)
}

// again reports whether the next owner is asked in place of one that has ended.
func (q *asking) again(got *wire.Envelope) bool {
	return q.edge.recovery != nil && got.Has(wire.Refused|wire.Reattach) && q.left() > 0 && (q.repeats || got.Code == wire.CodeUnavailable)
}

// lastAnswer waits a moment for the answer to what must not be asked twice.
func (q *asking) lastAnswer(ctx context.Context) (*wire.Envelope, error) {
	limit := time.NewTimer(lastWord)
	defer limit.Stop()
	select {
	case got := <-q.answers:
		return got, nil
	case <-limit.C:
		return nil, errOwnerGone
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// pause waits until an owner comes, which it reports, for d at most.
func pause(ctx context.Context, comes <-chan struct{}, d time.Duration) bool {
	limit := time.NewTimer(d)
	defer limit.Stop()
	select {
	case <-comes:
		return true
	case <-limit.C:
	case <-ctx.Done():
	}
	return false
}
