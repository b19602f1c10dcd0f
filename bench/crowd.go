package bench

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// What bystanders do, whatever is done beside them.
const (
	crowdSenders  = 50 // connections, of which
	crowdPainters = 2  // paint on the board, the others add to a counter each
	crowdViewers  = 20 // of the board
	senderPause   = 100 * time.Millisecond
	painterPause  = 40 * time.Millisecond
	crowdPaints   = 1 << 16 // paints that can be told apart
)

// The phases of a run; a command belongs to the one in which it was due.
const (
	phaseBefore = iota
	phaseDuring
	phaseAfter
	phaseOver // nothing is measured any more
)

// crowd is the bystanders.
type crowd struct {
	target   Target
	breaks   bool   // links may break
	name     string // of the run, in ids
	base     time.Time
	crew     *crew
	senders  []*bystander
	viewers  []*onlooker
	begun    [phaseOver + 1]atomic.Int64 // ns since base; 0: not yet
	commands [phaseOver]*recorder
	events   [phaseOver]*recorder
	connects [phaseOver]*recorder
	paints   [crowdPaints]atomic.Int64 // when each was due
	painted  atomic.Uint32
	top      atomic.Uint64 // highest revision of the board that was acknowledged
	// Newcomers that got no link while the abuse lasted, and why the last of them did not.
	turnedAway atomic.Uint64
	turnedBy   atomic.Pointer[string]
	quiet      atomic.Bool // no more commands
	ending     atomic.Bool
}

func newCrowd(t Target, breaks bool) *crowd {
	c := &crowd{target: t, breaks: breaks, name: rand.Text()[:8], base: time.Now(), crew: newCrew()}
	for i := range c.commands {
		c.commands[i], c.events[i], c.connects[i] = newRecorder(), newRecorder(), newRecorder()
	}
	for i := range crowdSenders {
		b := &bystander{
			crowd: c, number: i, conn: fmt.Sprintf("bench-%s-bystander-%d", c.name, i),
			entity: fmt.Sprintf("counter/bench-%s-%d", c.name, i), interval: senderPause, compose: composeAdd,
		}
		if i < crowdPainters {
			b.entity, b.interval, b.compose, b.top = c.board(), painterPause, c.composePaint, &c.top
		}
		c.senders = append(c.senders, b)
	}
	for i := range crowdViewers {
		c.viewers = append(c.viewers, newOnlooker(c, i))
	}
	return c
}

func (c *crowd) board() string { return "board/bench-" + c.name }

func composeAdd(dst []byte, _ int64) []byte { return append(dst, `,"name":"add","data":{"by":1}`...) }

func (c *crowd) composePaint(dst []byte, due int64) []byte {
	n := (c.painted.Add(1) - 1) % crowdPaints
	c.paints[n].Store(due)
	return fmt.Appendf(dst, `,"name":"paint","data":{"x":%d,"y":%d,"color":%d}`, n&255, n>>8, due&15)
}

func (c *crowd) since(t time.Time) int64 { return int64(t.Sub(c.base)) }

// begin says that a phase begins.
func (c *crowd) begin(phase int) { c.begun[phase].Store(c.since(time.Now())) }

// phaseOf returns the phase of a time, if it is one that is measured.
func (c *crowd) phaseOf(due int64) (int, bool) {
	for p := phaseOver; p >= 0; p-- {
		if from := c.begun[p].Load(); from != 0 && due >= from {
			return p, p < phaseOver
		}
	}
	return 0, false
}

// record notes how long something took that was due then.
func (c *crowd) record(by *[phaseOver]*recorder, number int, due int64, at time.Time) {
	if p, ok := c.phaseOf(due); ok {
		by[p].add(number, time.Duration(c.since(at)-due))
	}
}

// connect brings all links.
func (c *crowd) connect(ctx context.Context) error {
	return errors.Join(
		each(len(c.senders), 16, func(i int) error { return c.senders[i].connect(ctx) }),
		each(len(c.viewers), 16, func(i int) error { return c.viewers[i].connect(ctx) }),
	)
}

// start has the bystanders send and look until stop.
func (c *crowd) start(ctx context.Context) {
	for i, b := range c.senders {
		c.crew.add(func() error { return b.read(ctx) })
		c.crew.add(func() error {
			return b.send(ctx, b.interval*time.Duration(i)/crowdSenders)
		})
	}
	for _, v := range c.viewers {
		c.crew.add(func() error { return v.follow(ctx) })
	}
	for i := range newcomers {
		c.crew.add(func() error { return c.come(ctx, i) })
	}
}

// finish ends the load and waits until every command has its answer, and every viewer what was painted.
func (c *crowd) finish(ctx context.Context) error {
	c.quiet.Store(true)
	until := time.Now().Add(drain)
	for _, b := range c.senders {
		for b.unanswered() > 0 {
			if time.Now().After(until) {
				return fmt.Errorf("%d commands of bystander %d have no answer after %s", b.unanswered(), b.number, drain)
			}
			if err := pause(ctx, 5*time.Millisecond); err != nil {
				return err
			}
		}
		if code := b.refusal.Load(); code != nil && !c.breaks {
			return fmt.Errorf("%d commands of bystander %d were rejected: %s", b.refused.Load(), b.number, *code)
		}
	}
	for _, v := range c.viewers {
		if !v.reach(c.top.Load(), until) {
			return fmt.Errorf("viewer %d is at revision %d of %d after %s", v.number, v.rev.Load(), c.top.Load(), drain)
		}
		if lost := v.lost.Load(); lost > 0 {
			return fmt.Errorf("viewer %d missed %d events", v.number, lost)
		}
		if had := v.events.Load() + v.conflated.Load(); had != v.rev.Load() {
			return fmt.Errorf("viewer %d had %d events up to revision %d", v.number, had, v.rev.Load())
		}
	}
	return nil
}

// verify compares the entities with what was acknowledged.
func (c *crowd) verify(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, drain)
	defer cancel()
	var painted uint64
	for _, b := range c.senders[:crowdPainters] {
		painted += b.acked.Load()
	}
	conn := "bench-verify-" + rand.Text()
	l, welcome, err := dial(ctx, c.target, c.board(), "bench", conn, true)
	if err != nil {
		return err
	}
	l.close()
	if welcome.Revision != painted {
		return fmt.Errorf("%s is at revision %d, acknowledged were %d paints", c.board(), welcome.Revision, painted)
	}
	return each(crowdSenders-crowdPainters, 8, func(i int) error {
		return c.senders[crowdPainters+i].verify(ctx, conn)
	})
}

func (b *bystander) verify(ctx context.Context, conn string) error {
	l, _, err := dial(ctx, b.crowd.target, b.entity, "bench", conn, false)
	if err != nil {
		return err
	}
	defer l.close()
	s := sender{link: l}
	answer, err := s.query("get", time.Now().Add(drain))
	if err != nil {
		return fmt.Errorf("verify %s: %w", b.entity, err)
	}
	var got struct{ N uint64 }
	if err := json.Unmarshal(answer, &got); err != nil {
		return fmt.Errorf("verify %s: %w", b.entity, err)
	}
	if want := b.acked.Load(); got.N != want {
		return fmt.Errorf("%s holds %d, acknowledged were %d", b.entity, got.N, want)
	}
	return nil
}

// stop ends the bystanders and returns why one had ended before.
func (c *crowd) stop() error {
	c.close()
	return c.crew.wait()
}

// close has the bystanders end.
func (c *crowd) close() {
	c.quiet.Store(true)
	c.ending.Store(true)
	for _, b := range c.senders {
		b.close()
	}
	for _, v := range c.viewers {
		v.close()
	}
}
