package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// stateRun is one run under way.
type stateRun struct {
	State
	kind    stateKind
	name    string
	phase   *phase
	senders []*sender
	viewers []*viewer
	next    atomic.Uint64  // change to send
	due     []atomic.Int64 // by number of the change
	made    uint64         // revision before the first change
	final   atomic.Uint64  // highest revision acknowledged
	half    atomic.Int64   // when links begin to come
	model   []byte         // the places, as the first viewer rebuilds them

	took      samples
	delivered [2]*recorder // while no link came, and while links came
	join      *recorder
	joined    atomic.Uint64
	length    atomic.Int64 // of a welcome
	figures   figures
}

func (r *stateRun) entity() string { return r.Category + "/bench-" + r.name }

// connect makes the state and brings all links.
func (r *stateRun) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r.due = make([]atomic.Int64, min(stateValues*r.Size, 1<<20))
	r.delivered = [2]*recorder{newRecorder(), newRecorder()}
	r.join = newRecorder()
	r.half.Store(1<<63 - 1)
	if err := r.make(ctx); err != nil {
		return err
	}
	r.senders = make([]*sender, r.Senders)
	r.viewers = make([]*viewer, r.Viewers)
	return errors.Join(
		each(r.Senders, 8, func(i int) error {
			l, _, err := dial(ctx, r.Target, r.entity(), "bench", fmt.Sprintf("bench-%s-sender-%d", r.name, i), false)
			if err != nil {
				return err
			}
			r.senders[i] = &sender{link: l, number: i, phase: r.phase, took: newRecorder(), compose: r.compose, acked: r.acked, sampled: r.took.add}
			return nil
		}),
		each(r.Viewers, 4, func(i int) error {
			l, welcome, err := dial(ctx, r.Target, r.entity(), "bench", fmt.Sprintf("bench-%s-viewer-%d", r.name, i), true)
			if err != nil {
				return err
			}
			v := &viewer{link: l, number: i}
			v.rev.Store(welcome.Revision)
			v.seen = r.eye(i)
			r.viewers[i] = v
			if i > 0 {
				return nil
			}
			v.fresh = func(state []byte) error {
				r.model, err = r.kind.places(state)
				return err
			}
			return v.fresh(welcome.Data)
		}),
	)
}

// make sends the commands that make the state, one after the other.
func (r *stateRun) make(ctx context.Context) error {
	l, _, err := dial(ctx, r.Target, r.entity(), "bench", "bench-"+r.name+"-maker", false)
	if err != nil {
		return err
	}
	defer l.close()
	deadline, _ := ctx.Deadline()
	if err := l.conn.SetReadDeadline(deadline); err != nil {
		return err
	}
	for i, command := range r.kind.setup(r.Size) {
		l.queue(ws.OpText, append(strconv.AppendInt([]byte(`{"type":"command","id":`), int64(i+1), 10), command+"}"...))
		if err := l.flush(); err != nil {
			return err
		}
		for before := r.made; r.made == before; {
			err := l.read(func(frame []byte, _ time.Time) error {
				_, rev, ok := ack(frame)
				if !ok {
					return fmt.Errorf("make %s: got %.200s", r.entity(), frame)
				}
				r.made = rev
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// compose appends the next change: each place gets a value, then each another one.
func (r *stateRun) compose(dst []byte, due int64) []byte {
	n := r.next.Add(1) - 1
	r.due[n%uint64(len(r.due))].Store(due)
	size := uint64(r.Size)
	return r.kind.change(dst, int(n%size), byte(1+n/size%stateValues))
}

func (r *stateRun) acked(rev uint64) {
	for {
		old := r.final.Load()
		if rev <= old || r.final.CompareAndSwap(old, rev) {
			return
		}
	}
}

// eye returns what viewer i does with an event. The first viewer rebuilds the state.
func (r *stateRun) eye(i int) func(rev uint64, data []byte, at time.Time) {
	return func(_ uint64, data []byte, seen time.Time) {
		at, value, ok := r.kind.changed(data)
		if !ok || value == 0 {
			return
		}
		if i == 0 && at < len(r.model) {
			r.model[at] = value
		}
		n := uint64(at) + uint64(value-1)*uint64(r.Size)
		due := r.due[n%uint64(len(r.due))].Load()
		if !r.phase.measured(due) {
			return
		}
		took := r.delivered[0]
		if due >= r.half.Load() {
			took = r.delivered[1]
		}
		took.add(i, time.Duration(r.phase.since(seen)-due))
	}
}

func (r *stateRun) load(ctx context.Context) (*StateResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	senders, viewers, others := newCrew(), newCrew(), newCrew()
	for _, v := range r.viewers {
		viewers.add(v.follow)
	}
	interval := time.Duration(float64(time.Second) * float64(r.Senders) / r.Rate)
	for i, s := range r.senders {
		senders.add(func() error {
			return s.openLoop(ctx, interval, interval*time.Duration(i)/time.Duration(r.Senders))
		})
	}
	wait(ctx, r.Warmup, senders.failed, r.Progress)
	w := openWindow(r.Usage)
	r.phase.open()
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	others.add(func() error { r.figures.watch(watching, r.Metrics, r.phase); return nil })
	quiet := r.For
	if r.Joiners > 0 {
		quiet = r.For / 2
	}
	wait(ctx, quiet, senders.failed, func(passed time.Duration) { r.tell(r.Warmup + passed) })
	if r.Joiners > 0 {
		r.half.Store(r.phase.now())
		joiners := newCrew()
		for range joinersAtOnce {
			joiners.add(func() error { return r.joinAll(ctx) })
		}
		wait(ctx, r.For-quiet, senders.failed, func(passed time.Duration) { r.tell(r.Warmup + quiet + passed) })
		r.phase.shut()
		others.add(joiners.wait)
	} else {
		r.phase.shut()
	}
	used := w.close(runtime.GOMAXPROCS(0))
	stopWatching()
	for _, s := range r.senders {
		s.stopReading()
	}
	if senders.hasFailed() {
		r.close() // so that nobody waits for answers that will not come
	}
	err := errors.Join(senders.wait(), others.wait())
	until := time.Now().Add(drain)
	for _, v := range r.viewers {
		if err != nil || !v.reach(r.final.Load(), until) {
			break
		}
	}
	for _, v := range r.viewers {
		v.end()
	}
	if err := errors.Join(err, viewers.wait()); err != nil {
		return nil, err
	}
	return r.result(used), nil
}

func (r *stateRun) tell(passed time.Duration) {
	if r.Progress != nil {
		r.Progress(passed)
	}
}

func (r *stateRun) result(w Window) *StateResult {
	res := &StateResult{
		Settings: r.State, Window: w,
		Delivery: r.delivered[0].latency(), Delivered: r.delivered[1].latency(),
		Join: r.join.latency(), Joined: r.joined.Load(), WelcomeLen: int(r.length.Load()),
	}
	res.Snapshots, res.Views = r.figures.snapshots(), r.figures.views()
	half := r.half.Load()
	res.All = r.took.latency(r.phase.measured)
	res.Joining = r.took.latency(func(due int64) bool { return r.phase.measured(due) && due >= half })
	if res.Snapshots != nil {
		res.Quiet = r.took.latency(func(due int64) bool { return r.phase.measured(due) && due < half && !r.figures.saving(due) })
		res.Snapshot = r.took.latency(func(due int64) bool { return r.phase.measured(due) && due < half && r.figures.saving(due) })
	} else {
		res.Quiet = r.took.latency(func(due int64) bool { return r.phase.measured(due) && due < half })
	}
	for _, s := range r.senders {
		res.Commands += s.measured.Load()
		res.Rejected += s.refused.Load()
	}
	for _, v := range r.viewers {
		res.Conflated += v.conflated.Load()
	}
	res.CPUPerMillion = perMillion(w.ServerCPU, res.Commands)
	return res
}

// verify looks at what links that come now are shown.
func (r *stateRun) verify(ctx context.Context, res *StateResult) error {
	for _, v := range r.viewers {
		if v.rev.Load() != r.final.Load() || v.lost.Load() > 0 {
			return fmt.Errorf("verify viewer %d: at revision %d of %d, %d events skipped", v.number, v.rev.Load(), r.final.Load(), v.lost.Load())
		}
	}
	if err := r.verifyWelcome(ctx, "checker"); err != nil {
		return err
	}
	if r.Restart != nil {
		if err := r.Restart(ctx); err != nil {
			return err
		}
		began := time.Now()
		if err := r.verifyWelcome(ctx, "late-checker"); err != nil {
			return err
		}
		res.Activation = time.Since(began).Microseconds()
	}
	res.Verified = true
	return nil
}

func (r *stateRun) verifyWelcome(ctx context.Context, conn string) error {
	ctx, cancel := context.WithTimeout(ctx, drain)
	defer cancel()
	l, welcome, err := dial(ctx, r.Target, r.entity(), "bench", "bench-"+r.name+"-"+conn, true)
	if err != nil {
		return err
	}
	check := viewer{link: l, fresh: func([]byte) error { return nil }}
	defer check.end()
	places, err := r.kind.places(welcome.Data)
	if err != nil {
		return err
	}
	check.rev.Store(welcome.Revision)
	check.seen = func(_ uint64, data []byte, _ time.Time) {
		if at, value, ok := r.kind.changed(data); ok && at < len(places) {
			places[at] = value
		}
	}
	for check.rev.Load() < r.final.Load() { // a welcome may be some events behind, which follow it
		if err := l.read(check.take); err != nil {
			return err
		}
	}
	if got := check.rev.Load(); got != r.final.Load() || !bytes.Equal(places, r.model) {
		return fmt.Errorf("verify %s: a link that comes sees revision %d and %d bytes, not revision %d and the %d bytes that the events make",
			r.entity(), got, len(places), r.final.Load(), len(r.model))
	}
	return nil
}

func (r *stateRun) close() {
	for _, s := range r.senders {
		if s != nil {
			s.link.close()
		}
	}
	for _, v := range r.viewers {
		if v != nil {
			v.link.close()
		}
	}
}

// samples keeps when each command was due and how long its answer took, in ns.
type samples struct {
	mu  sync.Mutex
	all [][2]int64
}

func (s *samples) add(due, took int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, [2]int64{due, took})
}

// latency returns the distribution of those that were due when which says so.
func (s *samples) latency(which func(due int64) bool) Latency {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := newHistogram()
	for _, one := range s.all {
		if which(one[0]) {
			record(h, time.Duration(one[1]))
		}
	}
	return latencyOf(h)
}
