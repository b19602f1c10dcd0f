package bench

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"github.com/tutti-rt/tutti/wire"
)

const (
	// mostPending is how many commands of a bystander may have no answer; the next ones wait, and count as late.
	mostPending = 200
	// backAfter is how long a bystander that lost its link waits before it comes back.
	backAfter = 50 * time.Millisecond
	// dialTime is how long one attempt to connect may take.
	dialTime = 20 * time.Second
)

// bystander is a connection that sends commands at a steady rate. When its link breaks, and that is allowed, it comes
// back and sends again what has had no answer, as every client does.
type bystander struct {
	crowd    *crowd
	number   int
	entity   string
	conn     string
	interval time.Duration
	compose  func(dst []byte, due int64) []byte // name and data of the next command
	top      *atomic.Uint64                     // highest revision acknowledged; may be nil

	mu      sync.Mutex
	link    *link
	pending []pending // in the order of their ids
	issued  uint64

	acked   atomic.Uint64
	refused atomic.Uint64
	refusal atomic.Pointer[string]
	returns atomic.Uint64 // times that it came back
}

// pending is a command without an answer.
type pending struct {
	id    uint64
	due   int64
	frame []byte
}

// connect brings a link, on which what has had no answer is sent again.
func (b *bystander) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	l, _, err := dial(ctx, b.crowd.target, b.entity, fmt.Sprintf("bystander-%d", b.number), b.conn, false)
	if err != nil {
		return fmt.Errorf("bystander %d: %w", b.number, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.link = l
	for _, p := range b.pending {
		l.queue(ws.OpText, p.frame)
	}
	_ = l.flush() // what fails the reader finds
	return nil
}

func (b *bystander) current() *link {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.link
}

func (b *bystander) unanswered() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.pending)
}

func (b *bystander) close() {
	if l := b.current(); l != nil {
		l.close()
	}
}

// send issues a command every interval, the first after offset, until the crowd is quiet.
func (b *bystander) send(ctx context.Context, offset time.Duration) error {
	due := b.crowd.since(time.Now()) + int64(offset)
	for ; ; due += int64(b.interval) {
		for b.crowd.since(time.Now()) < due || b.unanswered() >= mostPending {
			if b.crowd.quiet.Load() {
				return nil
			}
			if pause(ctx, max(time.Duration(due-b.crowd.since(time.Now())), time.Millisecond)) != nil {
				return nil
			}
		}
		if b.crowd.quiet.Load() {
			return nil
		}
		b.issue(due)
	}
}

func (b *bystander) issue(due int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.issued++
	frame := strconv.AppendUint([]byte(`{"type":"command","id":`), b.issued, 10)
	frame = append(b.compose(frame, due), '}')
	b.pending = append(b.pending, pending{id: b.issued, due: due, frame: frame})
	b.link.queue(ws.OpText, frame)
	_ = b.link.flush() // what fails the reader finds; it is sent again on the next link
}

// read takes answers until the crowd ends.
func (b *bystander) read(ctx context.Context) error {
	for {
		err := b.current().read(b.take)
		switch {
		case b.crowd.ending.Load():
			return nil
		case err == nil:
			continue
		case !b.crowd.breaks:
			return fmt.Errorf("bystander %d: %w", b.number, err)
		}
		b.close()
		if err := b.crowd.comeBack(ctx, b.connect); err != nil {
			return err
		}
		b.returns.Add(1)
	}
}

// comeBack connects until that works or the crowd ends.
func (c *crowd) comeBack(ctx context.Context, connect func(context.Context) error) error {
	for {
		err := connect(ctx)
		switch {
		case c.ending.Load():
			return nil
		case err == nil:
			return nil
		}
		if pause(ctx, backAfter) != nil {
			return err
		}
	}
}

// take takes one frame.
func (b *bystander) take(frame []byte, at time.Time) error {
	if id, rev, ok := ack(frame); ok {
		b.settle(id, rev, at)
		return nil
	}
	f, err := wire.DecodeServerFrame(frame)
	if err != nil {
		return err
	}
	switch f.Type {
	case wire.TypeReject:
		b.refuse(f.ID, f.Code)
	case wire.TypeTerminate:
		return fmt.Errorf("terminated: %s: %s", f.Code, f.Message)
	}
	return nil
}

func (b *bystander) settle(id, rev uint64, at time.Time) {
	p, ok := b.remove(id)
	if !ok {
		return // answered on an earlier link
	}
	b.acked.Add(1)
	for b.top != nil {
		if old := b.top.Load(); rev <= old || b.top.CompareAndSwap(old, rev) {
			break
		}
	}
	b.crowd.record(&b.crowd.commands, b.number, p.due, at)
}

func (b *bystander) refuse(id uint64, code string) {
	if _, ok := b.remove(id); ok {
		b.refused.Add(1)
		b.refusal.Store(&code)
	}
}

// remove takes a command out of those without an answer.
func (b *bystander) remove(id uint64) (pending, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, p := range b.pending {
		if p.id == id {
			b.pending = slices.Delete(b.pending, i, i+1)
			return p, true
		}
	}
	return pending{}, false
}
