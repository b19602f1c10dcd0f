package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"github.com/tutti-rt/tutti/internal/process"
)

// Presence has many members come to one entity, show something, signal, and half of them leave; all of them are told who is there. Zero
// fields mean the defaults named there.
type Presence struct {
	Target  Target                        `json:"-"`
	Members int                           `json:"members"` // default 5,000
	AtOnce  int                           `json:"at_once"` // handshakes under way (default 64)
	Rate    float64                       `json:"rate"`    // frames/s of each member, in those parts (default 1)
	For     time.Duration                 `json:"-"`       // how long (default 10 s each)
	Usage   func() (process.Usage, error) `json:"-"`       // of the server; may be nil
	Part    func(name string)             `json:"-"`       // called as each part of the run begins; may be nil
}

// PresenceResult is what came out.
type PresenceResult struct {
	Settings Presence       `json:"settings"`
	Parts    []PresencePart `json:"parts"`
}

// PresencePart is one part of the run.
type PresencePart struct {
	Name    string  `json:"name"`
	Sent    int     `json:"sent"`            // frames, by all members; of the first part links
	Bytes   float64 `json:"bytes_per_link"`  // of frames that came, without the welcome
	Frames  float64 `json:"frames_per_link"` // of presence and messages
	Settled float64 `json:"settled_seconds"` // after the last was sent, until everybody's count was right
	Window  Window  `json:"window"`
}

// attendant is one member's link.
type attendant struct {
	link          *link
	count         atomic.Int64
	bytes, frames atomic.Int64
}

// presenceRun is one run under way.
type presenceRun struct {
	Presence
	res     *PresenceResult
	all     []*attendant
	crew    *crew
	leaving atomic.Bool
}

// presenceWithin is how long it may take until every count is right.
const presenceWithin = 30 * time.Second

// Run runs the parts and returns what came out. It returns an error when a link broke, or when a count was not right in the end.
func (p Presence) Run(ctx context.Context) (*PresenceResult, error) {
	fill(&p.Members, 5000)
	fill(&p.AtOnce, 64)
	fill(&p.Rate, 1)
	fill(&p.For, 10*time.Second)
	p.Target.presence = true
	r := &presenceRun{Presence: p, res: &PresenceResult{Settings: p}, crew: newCrew(), all: make([]*attendant, p.Members)}
	err := r.run(ctx)
	r.leaving.Store(true)
	for _, a := range r.all {
		if a != nil {
			a.link.close()
		}
	}
	if broken := r.crew.wait(); broken != nil {
		return nil, broken
	}
	if err != nil {
		return nil, err
	}
	return r.res, ctx.Err()
}

func (r *presenceRun) run(ctx context.Context) error {
	n := r.Members
	if err := r.part(ctx, "arrive", n, r.all, func() (int, error) { return n, r.arrive(ctx) }); err != nil {
		return err
	}
	if err := r.part(ctx, "data", n, r.all, func() (int, error) {
		return r.send(ctx, func(i, turn int) string { return fmt.Sprintf(`{"type":"presence","data":{"x":%d,"y":%d}}`, turn, i) })
	}); err != nil {
		return err
	}
	if err := r.part(ctx, "signals", n, r.all, func() (int, error) {
		return r.send(ctx, func(i, turn int) string {
			return fmt.Sprintf(`{"type":"signal","name":"typing","data":{"x":%d,"y":%d}}`, turn, i)
		})
	}); err != nil {
		return err
	}
	return r.part(ctx, "leave", n-n/2, r.all[n/2:], func() (int, error) {
		r.leaving.Store(true)
		for _, a := range r.all[:n/2] {
			a.link.queue(ws.OpText, []byte(`{"type":"leave"}`))
			if err := a.link.flush(); err != nil {
				return 0, err
			}
		}
		return n / 2, nil
	})
}

// part runs one part, and waits until those who are told know that so many are there.
func (r *presenceRun) part(ctx context.Context, name string, count int, told []*attendant, do func() (int, error)) error {
	begin(r.Part, name)
	for _, a := range r.all {
		if a != nil {
			a.bytes.Store(0)
			a.frames.Store(0)
		}
	}
	w := openWindow(r.Usage)
	sent, err := do()
	if err != nil {
		return err
	}
	settled, err := r.settle(ctx, int64(count), told)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	part := PresencePart{Name: name, Sent: sent, Settled: settled, Window: w.close(runtime.GOMAXPROCS(0))}
	for _, a := range told {
		part.Bytes += float64(a.bytes.Load()) / float64(len(told))
		part.Frames += float64(a.frames.Load()) / float64(len(told))
	}
	r.res.Parts = append(r.res.Parts, part)
	return nil
}

// settle waits until everybody's count is right, and returns how long that took.
func (r *presenceRun) settle(ctx context.Context, count int64, told []*attendant) (float64, error) {
	began := time.Now()
	for {
		wrong := 0
		for _, a := range told {
			if a.count.Load() != count {
				wrong++
			}
		}
		took := time.Since(began)
		switch {
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case r.crew.hasFailed():
			return 0, errors.New("a link broke")
		case wrong == 0:
			wait(ctx, time.Second, r.crew.failed, nil) // whatever else comes
			return took.Seconds(), nil
		case took > presenceWithin:
			return 0, fmt.Errorf("%d members do not know after %s that %d are there", wrong, presenceWithin, count)
		}
		wait(ctx, 10*time.Millisecond, r.crew.failed, nil)
	}
}

func (r *presenceRun) arrive(ctx context.Context) error {
	name := rand.Text()[:8]
	return each(r.Members, r.AtOnce, func(i int) error {
		dialing, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		l, _, err := dial(dialing, r.Target.spread(i), "room/bench-"+name, fmt.Sprintf("bench-%d", i/linksAtSub), fmt.Sprintf("bench-%s-member-%d", name, i), true)
		if err != nil {
			return err
		}
		a := &attendant{link: l}
		r.all[i] = a
		r.crew.add(func() error { return r.follow(a) })
		return nil
	})
}

// follow reads until the link is dropped.
func (r *presenceRun) follow(a *attendant) error {
	defer a.link.close() // the node waits for it
	for {
		if err := a.link.read(a.take); err != nil {
			if r.leaving.Load() && (errors.Is(err, net.ErrClosed) || errors.Is(err, errClosed) || errors.Is(err, io.EOF)) {
				return nil
			}
			return fmt.Errorf("member: %w", err)
		}
	}
}

// take counts a frame.
func (a *attendant) take(frame []byte, _ time.Time) error {
	a.bytes.Add(int64(len(frame)))
	a.frames.Add(1)
	rest, ok := bytes.CutPrefix(frame, []byte(`{"type":"presence","count":`))
	if !ok {
		return nil
	}
	digits := bytes.IndexAny(rest, ",}")
	n, err := strconv.ParseInt(string(rest[:max(digits, 0)]), 10, 64)
	if err != nil {
		return fmt.Errorf("presence frame %.60s: %w", frame, err)
	}
	a.count.Store(n)
	return nil
}

// send has every member send a frame at the rate, for as long as that takes, and returns how many that were.
func (r *presenceRun) send(ctx context.Context, frame func(i, turn int) string) (int, error) {
	sent, began := 0, time.Now()
	for time.Since(began) < r.For && ctx.Err() == nil {
		i := sent % r.Members
		due := began.Add(time.Duration(float64(sent) / (r.Rate * float64(r.Members)) * float64(time.Second)))
		if ahead := time.Until(due); ahead > time.Millisecond {
			time.Sleep(ahead)
		}
		l := r.all[i].link
		l.queue(ws.OpText, []byte(frame(i, sent/r.Members)))
		if err := l.flush(); err != nil {
			return sent, err
		}
		sent++
	}
	return sent, ctx.Err()
}

// Print writes the result as a table.
func (r *PresenceResult) Print(to io.Writer, m Machine) error {
	t := newReport(to)
	t.line("members", "%d of one entity, all told who is there", r.Settings.Members)
	for _, p := range r.Parts {
		t.line(p.Name, "%d sent in %.1f s; %.0f bytes in %.1f frames for each link; server CPU %.2f s, generator %.2f s; every count right %.2f s after the last",
			p.Sent, p.Window.Seconds-p.Settled-1, p.Bytes, p.Frames, p.Window.ServerCPU, p.Window.GeneratorCPU, p.Settled)
	}
	t.line("one bare socket write here", "%.1f µs", m.SocketWrite)
	return t.w.Flush()
}
