package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// aloneLinks is how many connections share the one command that is under way: so many that most pairs of edge and owner are
// among them.
const aloneLinks = 48

// aloneMore is for how much longer commands are sent while none has come by its owner's edge, or none by another.
const aloneMore = 10 * time.Second

// alone has one command under way at a time, through one edge after the other, for entities of all owners.
func (r *replicasRun) alone(ctx context.Context, i int) (err error) {
	g := r.groups[i]
	owner := func(string) int { return 0 }
	if g.Owners != nil {
		if owner, err = g.Owners(ctx); err != nil {
			return err
		}
	}
	senders, closeAll, err := g.senders(ctx, aloneLinks)
	defer closeAll()
	if err != nil {
		return err
	}
	near, far := newHistogram(), newHistogram()
	began, open := time.Now(), false
	var w *groupWindow
	var commands uint64
	for turn := 0; ; turn++ {
		passed := time.Since(began)
		r.progress(min(passed, r.Warmup+r.For))
		if passed >= r.Warmup && !open {
			if w, err = g.open(ctx); err != nil {
				return err
			}
			open = true
		}
		both := near.TotalCount() > 0 && (i == 0 || far.TotalCount() > 0)
		if passed >= r.Warmup+r.For && (both || passed >= r.Warmup+r.For+aloneMore) || ctx.Err() != nil {
			break
		}
		s := senders[turn%len(senders)]
		sent := time.Now()
		if _, err := s.oneCommand(); err != nil {
			return fmt.Errorf("%s: %w", s.entity, err)
		}
		if took := time.Since(sent); open {
			commands++
			if owner(s.entity) == s.edge {
				record(near, took)
			} else {
				record(far, took)
			}
		}
	}
	if err := w.shut(ctx); err != nil {
		return err
	}
	if near.TotalCount() == 0 || i == 1 && far.TotalCount() == 0 {
		return errors.New("no command went through its owner's edge, or none through another")
	}
	r.aloneTook(i, latencyOf(near), latencyOf(far))
	return r.cost(i, "one at a time: ", w, commands)
}

// aloneTook notes how long commands took through their owner's edge, and through others.
func (r *replicasRun) aloneTook(i int, near, far Latency) {
	const nearBy, elsewhere = "one at a time, at its owner's edge: ", "one at a time, at another edge: "
	r.note(i, nearBy+"p50", "ms", float64(near.P50)/1000)
	r.note(i, nearBy+"p99", "ms", float64(near.P99)/1000)
	r.noteSeveral(i, elsewhere+"p50", "ms", float64(far.P50)/1000)
	r.noteSeveral(i, elsewhere+"p99", "ms", float64(far.P99)/1000)
}

// placedSender is a sender that knows where it is.
type placedSender struct {
	sender
	entity string
	edge   int
}

// senders returns connections, each at an entity of its own, spread over the edges. closeAll ends them, also after an error.
func (g Group) senders(ctx context.Context, n int) (all []*placedSender, closeAll func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	all = make([]*placedSender, n)
	closeAll = func() {
		for _, s := range all {
			if s != nil {
				s.link.close()
			}
		}
	}
	run, p := rand.Text()[:8], newPhase()
	return all, closeAll, each(n, 16, func(i int) error {
		s := &placedSender{entity: fmt.Sprintf("counter/bench-%s-%d", run, i), edge: i % len(g.Nodes)}
		l, _, err := dial(ctx, g.Nodes[s.edge].Target, s.entity, fmt.Sprintf("bench-%d", i%16), fmt.Sprintf("bench-%s-alone-%d", run, i), false)
		if err != nil {
			return err
		}
		s.sender = sender{link: l, number: i, phase: p, compose: func(dst []byte, _ int64) []byte { return append(dst, `,"name":"add","data":{"by":1}`...) }}
		all[i] = s
		return nil
	})
}
