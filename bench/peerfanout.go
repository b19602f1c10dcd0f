package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// PeerFanout has one publisher send texts to many subscribers. Zero fields mean the defaults named there.
type PeerFanout struct {
	PeerLoad
	Links int     // subscribers (default 1,000)
	Rate  float64 // texts/s (default 100)
}

// peerFanoutRun is one run under way.
type peerFanoutRun struct {
	PeerFanout
	phase       *phase
	took        *recorder
	schedule    schedule
	publisher   *link
	subscribers []*subscriber
	over        atomic.Bool // links are being closed
}

// subscriber follows the texts, each numbered one higher than the one before.
type subscriber struct {
	link    *link
	next    atomic.Uint64 // the text to come
	got     atomic.Uint64 // while measuring
	skipped atomic.Uint64
}

// Run loads the peer and returns what came out. It returns an error when a link broke, or when a text came twice or out
// of order.
func (f PeerFanout) Run(ctx context.Context) (*PeerResult, error) {
	f.PeerLoad = f.withDefaults()
	fill(&f.Links, 1000)
	fill(&f.Rate, 100)
	run := peerFanoutRun{PeerFanout: f, took: newRecorder()}
	defer run.close()
	if err := run.connect(ctx); err != nil {
		return nil, err
	}
	return run.load(ctx)
}

func (r *peerFanoutRun) connect(ctx context.Context) (err error) {
	room := func(int) string { return "room" }
	links, err := r.Peer.dialAll(ctx, r.Links, RoleSubscribe, room)
	if err != nil {
		return err
	}
	for _, l := range links {
		r.subscribers = append(r.subscribers, &subscriber{link: l})
	}
	publishers, err := r.Peer.dialAll(ctx, 1, RolePublish, room)
	if err == nil {
		r.publisher = publishers[0]
	}
	return err
}

func (r *peerFanoutRun) load(ctx context.Context) (*PeerResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.phase = newPhase()
	r.schedule = schedule{begin: int64(10 * time.Millisecond), interval: int64(float64(time.Second) / r.Rate)}
	all := newCrew()
	for i, s := range r.subscribers {
		all.add(func() error { return r.follow(i, s) })
	}
	free := make(chan struct{}, max(1, r.Peer.Unanswered))
	for range r.Peer.Unanswered {
		free <- struct{}{}
	}
	all.add(func() error { return ended(r.over.Load(), r.publish(ctx, free)) })
	all.add(func() error { return r.answers(free) })
	res := &PeerResult{Window: r.measure(ctx, r.phase, all.failed)}
	r.tally(res)
	stopped := ctx.Err()
	cancel()
	r.close()
	if err := errors.Join(stopped, all.wait()); err != nil {
		return nil, err
	}
	return res, nil
}

// follow reads the texts of one subscriber until the run is over.
func (r *peerFanoutRun) follow(i int, s *subscriber) error {
	var took []time.Duration
	for {
		took = took[:0]
		err := s.link.read(func(frame []byte, at time.Time) error {
			n, ok := textNumber(frame)
			if !ok || r.Peer.Ready != nil && bytes.HasPrefix(frame, r.Peer.Ready) { // a fresh state may hold texts
				return r.Peer.other(s.link, frame)
			}
			next := s.next.Load()
			if n < next {
				return fmt.Errorf("text %d came after text %d", n, next-1)
			}
			s.skipped.Add(n - next)
			s.next.Store(n + 1)
			if now := r.phase.since(at); r.phase.measured(now) {
				s.got.Add(1)
				took = append(took, time.Duration(now-r.schedule.due(n)))
			}
			return nil
		})
		r.took.add(i, took...)
		if err != nil {
			return named(ended(r.over.Load(), err), "subscriber", i)
		}
	}
}

// publish sends each text when it is due, or when the one that stands in its way has been answered.
func (r *peerFanoutRun) publish(ctx context.Context, free <-chan struct{}) error {
	l := r.publisher
	var text, buf []byte
	return r.schedule.keep(ctx, r.phase, func(n uint64) error {
		if r.Peer.Answer != nil {
			select {
			case <-free:
			default: // what is queued must leave before anything can come back
				if err := l.flush(); err != nil {
					return err
				}
				select {
				case <-free:
				case <-ctx.Done():
					return nil
				}
			}
		}
		text = appendText(text[:0], n)
		buf = r.Peer.Publish(buf[:0], n+1, text)
		l.queue(ws.OpText, buf)
		return nil
	}, l.flush)
}

// answers reads what the publisher gets until the run is over.
func (r *peerFanoutRun) answers(free chan<- struct{}) error {
	for {
		err := r.publisher.read(func(frame []byte, _ time.Time) error {
			if r.Peer.Answer == nil || !bytes.HasPrefix(frame, r.Peer.Answer) {
				return r.Peer.other(r.publisher, frame)
			}
			select {
			case free <- struct{}{}:
				return nil
			default:
				return fmt.Errorf("an answer to nothing: %s", frame)
			}
		})
		if err != nil {
			return named(ended(r.over.Load(), err), "publisher", 0)
		}
	}
}

// tally counts what came, and what should have.
func (r *peerFanoutRun) tally(res *PeerResult) {
	end := r.phase.to.Load()
	next := make([]uint64, len(r.subscribers))
	for i, s := range r.subscribers {
		res.Done += s.got.Load()
		res.Skipped += s.skipped.Load()
		next[i] = s.next.Load()
	}
	res.Wanted = r.schedule.between(r.phase.from.Load(), end) * uint64(len(r.subscribers))
	slices.Sort(next)
	waiting := 0 // subscribers that wait for text n
	for n := next[0]; n < r.schedule.until(end); n++ {
		for waiting < len(next) && next[waiting] <= n {
			waiting++
		}
		res.Overdue += uint64(waiting)
		r.took.addMany(time.Duration(end-r.schedule.due(n)), int64(waiting))
	}
	res.finish(r.took)
}

func (r *peerFanoutRun) close() {
	r.over.Store(true)
	for _, s := range r.subscribers {
		s.link.close()
	}
	if r.publisher != nil {
		r.publisher.close()
	}
}

// named says whose error it is.
func named(err error, who string, number int) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %d: %w", who, number, err)
}
