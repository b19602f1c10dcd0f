package bench

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// PeerAdd has connections add to counters, each again as soon as it has been answered. The warm-up begins when all have
// been answered once. Zero fields mean the defaults named there.
type PeerAdd struct {
	PeerLoad
	Links    int // default 1,024
	Objects  int // counters that they share (default: one each)
	InFlight int // requests of a link without an answer (default 1)
}

// peerAddRun is one run under way.
type peerAddRun struct {
	PeerAdd
	phase    *phase
	took     *recorder
	links    []*link
	first    chan struct{}   // one for each link that has had an answer
	done     atomic.Uint64   // while measuring
	answered []atomic.Uint64 // by object, in the whole run
	highest  []atomic.Uint64 // by object: its highest value that was told
}

// Run loads the peer and returns what came out. It returns an error when a link broke, or when a counter does not hold
// exactly what was answered. The counters must be new.
func (a PeerAdd) Run(ctx context.Context) (_ *PeerResult, err error) {
	a.PeerLoad = a.withDefaults()
	fill(&a.Links, 1024)
	fill(&a.Objects, a.Links)
	fill(&a.InFlight, 1)
	if a.InFlight >= maxUnanswered || a.Objects > a.Links {
		return nil, fmt.Errorf("bench: %d in flight (at most %d), %d objects for %d links", a.InFlight, maxUnanswered-1, a.Objects, a.Links)
	}
	run := peerAddRun{PeerAdd: a, took: newRecorder(), first: make(chan struct{}, a.Links), answered: make([]atomic.Uint64, a.Objects), highest: make([]atomic.Uint64, a.Objects)}
	run.links, err = a.Peer.dialAll(ctx, a.Links, RoleAdd, func(i int) string { return fmt.Sprintf("counter-%d", i%a.Objects) })
	if err != nil {
		return nil, err
	}
	defer closeAll(run.links)
	return run.load(ctx)
}

func (r *peerAddRun) load(ctx context.Context) (*PeerResult, error) {
	r.phase = newPhase()
	all := newCrew()
	for i, l := range r.links {
		all.add(func() error { return named(r.loop(i, l), "link", i) })
	}
	r.awaken(ctx, all.failed)
	res := &PeerResult{Window: r.measure(ctx, r.phase, all.failed)}
	if ctx.Err() != nil || all.hasFailed() {
		closeAll(r.links)
		return nil, errors.Join(ctx.Err(), all.wait())
	}
	for _, l := range r.links {
		_ = l.conn.SetDeadline(time.Now().Add(drain)) // fails on a closed link, which its reader reports
	}
	if err := all.wait(); err != nil {
		return nil, err
	}
	res.Done = r.done.Load()
	res.finish(r.took)
	return res, r.verify()
}

// awaken waits until every link has had an answer, so that making the objects is no part of what is measured.
func (r *peerAddRun) awaken(ctx context.Context, failed <-chan struct{}) {
	late := time.NewTimer(drain)
	defer late.Stop()
	for range r.links {
		select {
		case <-r.first:
		case <-late.C:
			return
		case <-failed:
			return
		case <-ctx.Done():
			return
		}
	}
}

// loop keeps its requests unanswered until the phase has stopped, then waits for the last answers.
func (r *peerAddRun) loop(i int, l *link) error {
	var (
		buf    []byte
		took   []time.Duration
		issued uint64
		open   int
		sent   [maxUnanswered]int64
	)
	issue := func() {
		issued++
		open++
		sent[issued%maxUnanswered] = r.phase.now()
		buf = r.Peer.Add(buf[:0], issued)
		l.queue(ws.OpText, buf)
	}
	for range r.InFlight {
		issue()
	}
	for open > 0 {
		if err := l.flush(); err != nil {
			return err
		}
		took = took[:0]
		err := l.read(func(frame []byte, at time.Time) error {
			id, n, ok := added(frame)
			if !ok {
				return r.Peer.other(l, frame)
			}
			if id == 0 || id > issued {
				return fmt.Errorf("an answer to nothing: %s", frame)
			}
			if open--; id == 1 {
				r.first <- struct{}{} // has room for all links
			}
			r.take(i%r.Objects, n)
			if now := r.phase.since(at); r.phase.measured(now) {
				r.done.Add(1)
				took = append(took, time.Duration(now-sent[id%maxUnanswered]))
			}
			if !r.phase.stop.Load() {
				issue()
			}
			return nil
		})
		r.took.add(i, took...)
		if err != nil {
			return err
		}
	}
	return nil
}

// take notes an answer of an object.
func (r *peerAddRun) take(object int, n uint64) {
	r.answered[object].Add(1)
	highest := &r.highest[object]
	for old := highest.Load(); n > old && !highest.CompareAndSwap(old, n); old = highest.Load() {
	}
}

// verify compares what each object said last with how often it answered.
func (r *peerAddRun) verify() error {
	for i := range r.answered {
		if want, got := r.answered[i].Load(), r.highest[i].Load(); got != want {
			return fmt.Errorf("verify counter %d: it holds %d, answered were %d", i, got, want)
		}
	}
	return nil
}
