package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// entitiesRun is one run under way.
type entitiesRun struct {
	Entities
	name   string
	target Target
	told   []uint32 // by number of the entity: how often it was told to grow, or sent the command
	each   float64  // bytes of an entity, as the server estimates
	res    *EntitiesResult
}

const (
	ample       = 8 << 30 // memory for all entities
	linksAtOnce = 8
	quietTime   = 300 * time.Millisecond
	restTime    = 2 * time.Second // until entities at rest have dropped what they keep for a moment
	settleTime  = time.Minute
)

func (r *entitiesRun) entity(i int) string { return "bean/" + r.name + "-" + strconv.Itoa(i) }

func (r *entitiesRun) sow(label string) *sowing {
	return &sowing{target: r.target, metrics: r.Metrics, name: r.name, label: label, told: func(n int) { r.told[n]++ }}
}

// settle waits until the server has had nothing to do for that long.
func (r *entitiesRun) settle(ctx context.Context, quietFor time.Duration) (map[string]float64, error) {
	began, quiet := time.Now(), time.Now()
	var records float64
	for {
		m, err := r.Metrics(ctx)
		if err != nil {
			return nil, err
		}
		if m["tutti_state_running"] > 0 || m["tutti_state_records_total"] != records {
			quiet, records = time.Now(), m["tutti_state_records_total"]
		}
		if time.Since(quiet) > quietFor {
			return m, nil
		}
		if time.Since(began) > settleTime {
			return nil, fmt.Errorf("bench: %.0f entities are still at work after %s", m["tutti_state_running"], settleTime)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// cost is what the server holds while nothing happens.
type cost struct {
	profile, heap, estimate float64
	rss                     int64
	entities, goroutines    int
}

func (r *entitiesRun) weigh(ctx context.Context) (cost, error) {
	var c cost
	if _, err := r.settle(ctx, restTime); err != nil {
		return c, err
	}
	profile, err := r.Heap(ctx)
	if err != nil {
		return c, err
	}
	defer profile.Close()
	if c.profile, err = heapOf(profile, "tutti/state.", "cockroachdb/pebble"); err != nil {
		return c, err
	}
	m, err := r.Metrics(ctx)
	if err != nil {
		return c, err
	}
	c.heap, c.estimate = m["go_memstats_heap_alloc_bytes"], m["tutti_state_memory_bytes"]
	c.entities, c.goroutines = int(m["tutti_state_entities"]), int(m["go_goroutines"])
	u, err := r.Usage()
	c.rss = u.RSS
	return c, err
}

// create makes the entities and weighs them: first those that a connection's command makes, then the others.
func (r *entitiesRun) create(ctx context.Context) (err error) {
	if r.target, err = r.Start(ctx, ample, false); err != nil {
		return err
	}
	if err := r.visit(ctx, nil, r.Entities.Entities-1, false); err != nil { // so that what is made once is there
		return err
	}
	empty, err := r.weigh(ctx)
	if err != nil {
		return err
	}
	r.res.CreatedLink, err = r.timed(func() (int, time.Duration, error) {
		began := time.Now()
		err := each(r.ByLink, linksAtOnce, func(i int) error {
			r.told[i]++ // by nobody else
			return r.visit(ctx, nil, i, true)
		})
		return r.ByLink, time.Since(began), err
	})
	if err != nil {
		return err
	}
	some, err := r.weigh(ctx)
	if err != nil {
		return err
	}
	r.res.Created, err = r.timed(func() (int, time.Duration, error) {
		s := r.sow("create")
		at := r.ByLink - 1
		s.next = func() (int, bool) { at++; return at, at < r.Entities.Entities }
		return s.run(ctx)
	})
	if err != nil {
		return err
	}
	all, err := r.weigh(ctx)
	if err != nil {
		return err
	}
	if all.entities < r.Entities.Entities {
		return fmt.Errorf("bench: %d of %d entities are in memory", all.entities, r.Entities.Entities)
	}
	if r.AtRest != nil {
		if err := r.AtRest(ctx); err != nil {
			return err
		}
	}
	byLink, byOthers, n := float64(some.entities-empty.entities), float64(all.entities-some.entities), float64(all.entities-empty.entities)
	r.each = (all.estimate - empty.estimate) / n
	r.res.Idle = IdleCost{
		Profile: (all.profile - some.profile) / byOthers, ProfileLink: (some.profile - empty.profile) / byLink,
		Heap: (all.heap - empty.heap) / n, RSS: float64(all.rss-empty.rss) / n, Estimate: r.each,
		Goroutines: all.goroutines, Before: empty.goroutines, ServerRSS: all.rss,
	}
	return nil
}

// timed adds the server's CPU time to how long something took.
func (r *entitiesRun) timed(do func() (int, time.Duration, error)) (Rate, error) {
	before, err := r.Usage()
	if err != nil {
		return Rate{}, err
	}
	n, took, err := do()
	if err != nil {
		return Rate{}, err
	}
	after, err := r.Usage()
	return Rate{n, took.Seconds(), float64(n) / took.Seconds(), (after.CPU - before.CPU).Seconds()}, err
}

// visit brings a link to an entity, records how long it took until the welcome, has it grow if grow is set, and
// goes. It returns an error when it takes longer than a minute.
func (r *entitiesRun) visit(ctx context.Context, took *recorder, i int, grow bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	began := time.Now()
	l, _, err := dial(ctx, r.target, r.entity(i), "bench", fmt.Sprintf("bench-%s-%016x", r.name, rand.Uint64()), true)
	if err != nil {
		return err
	}
	if took != nil {
		took.add(i, time.Since(began))
	}
	if grow {
		if _, err = l.request(ctx, "command", "grow", []byte("{}")); err != nil {
			l.close()
			return err
		}
	}
	l.leave()
	return nil
}

// visitTime is how long entities are visited one after the other, and mostVisits how many of them at most.
const (
	visitTime  = 5 * time.Second
	mostVisits = 5000
)

// activate starts the server anew and brings entities into memory: some by a link each, with nothing in the system's
// memory, then as many as may be by what others tell them.
func (r *entitiesRun) activate(ctx context.Context) (err error) {
	if r.target, err = r.Start(ctx, ample, true); err != nil {
		return err
	}
	order := rand.Perm(r.Entities.Entities)
	some := order[:min(len(order)/10, mostVisits)]
	cold, hot := newRecorder(), newRecorder()
	if err := r.visit(ctx, nil, order[len(order)-1], false); err != nil {
		return err
	}
	until := time.Now().Add(visitTime)
	for k, i := range some {
		if err := r.visit(ctx, cold, i, false); err != nil {
			return err
		}
		if k%2 == 0 {
			if err := r.visit(ctx, hot, i, false); err != nil {
				return err
			}
		}
		if time.Now().After(until) {
			break
		}
	}
	r.res.Cold, r.res.Hot = cold.latency(), hot.latency()
	before, err := r.settle(ctx, quietTime)
	if err != nil {
		return err
	}
	r.res.Warm, err = r.timed(func() (int, time.Duration, error) {
		s := r.sow("activate")
		s.meter = "tutti_state_activation_seconds_count"
		rest := order[len(some) : len(order)-1]
		s.next = inTurn(rest[:min(len(rest), mostWarm)])
		return s.run(ctx)
	})
	if err != nil {
		return err
	}
	after, err := r.settle(ctx, quietTime)
	r.res.WarmTimes = timesBetween(before, after)
	return err
}

// mostWarm is how many entities are activated as fast as may be.
const mostWarm = 250_000
