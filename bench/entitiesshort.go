package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"
)

// probeRate is how many commands a second the entity gets whose answers are measured while others come and go.
const probeRate = 200

// used is who has been used since the server was started.
type used struct {
	mu  sync.Mutex
	was []bool
}

func (u *used) mark(i int) (first bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	first, u.was[i] = !u.was[i], true
	return first
}

// shortOfMemory gives the server memory for a part of the entities, and uses all of them, few often and many
// rarely.
func (r *entitiesRun) shortOfMemory(ctx context.Context) (err error) {
	n, short := r.Entities.Entities, &r.res.Short
	short.Budget = int64(r.each * float64(n) * r.Share)
	if r.target, err = r.Start(ctx, short.Budget, false); err != nil {
		return err
	}
	stride := coprime(n)
	byRank := func(rank int) int { return int(uint64(rank) * uint64(stride) % uint64(n)) }
	since := used{was: make([]bool, n)}
	fits := int(float64(n) * r.Share)

	// What is used most is there, and a little more than there is memory for.
	s := r.sow("fill")
	rank := fits + fits/5
	s.next = func() (int, bool) {
		rank--
		if rank >= 0 {
			since.mark(byRank(rank))
		}
		return byRank(max(rank, 0)), rank >= 0
	}
	if _, _, err := s.run(ctx); err != nil {
		return err
	}
	if _, err := r.settle(ctx, quietTime); err != nil {
		return err
	}

	// As much use, of what fits: half of it, so that nothing goes.
	few := r.zipf(fits / 2)
	_, short.Before, err = r.use(ctx, "before", r.For/2, few, byRank, &since, nil)
	if err != nil {
		return err
	}
	before, err := r.settle(ctx, quietTime)
	if err != nil {
		return err
	}
	welcome := newRecorder()
	watching, stop := context.WithCancel(ctx)
	defer stop()
	watch := newCrew()
	watch.add(func() error { return r.watchMemory(watching, short) })
	rate, during, err := r.use(ctx, "short", r.For, r.zipf(n), byRank, &since, welcome)
	stop()
	if err := errors.Join(err, watch.wait()); err != nil {
		return err
	}
	after, err := r.settle(ctx, quietTime)
	if err != nil {
		return err
	}
	short.Uses, short.PerSecond, short.During, short.Welcome = rate.Count, rate.PerSecond, during, welcome.latency()
	short.Times = timesBetween(before, after)
	short.Activations = short.Times.Count
	short.Passivations = uint64(after["tutti_state_passivations_total"] - before["tutti_state_passivations_total"])
	short.Resident = int(after["tutti_state_entities"])
	others := float64(short.Welcome.Count) + sowers // activated by links, and those who tell
	short.HitRate = 1 - max(0, float64(short.Activations)-others)/float64(short.Uses)
	short.BestHitRate = share(fits, n, r.Skew)
	return nil
}

// use tells entities to grow at the run's rate for that long, and measures commands to an entity that is not one
// of them. With a recorder it also visits entities that were not used since the server was started.
func (r *entitiesRun) use(ctx context.Context, label string, d time.Duration, draw func() int, byRank func(int) int, since *used, visits *recorder) (Rate, Latency, error) {
	ctx, cancel := context.WithTimeout(ctx, d+2*settleTime)
	defer cancel()
	probe, err := r.probe(ctx, label)
	if err != nil {
		return Rate{}, Latency{}, err
	}
	defer probe.link.close()
	crew := newCrew()
	crew.add(func() error { return probe.openLoop(ctx, time.Second/probeRate, 0) })
	visiting := make(chan struct{})
	if visits != nil {
		crew.add(func() error { return r.visitUnused(ctx, since, visits, visiting) })
	}
	until := time.Now().Add(d)
	probe.phase.open()
	rate, err := r.timed(func() (int, time.Duration, error) {
		s := r.sow(label)
		s.rate = r.Rate
		s.next = func() (int, bool) {
			i := byRank(draw())
			since.mark(i)
			return i, time.Now().Before(until)
		}
		s.told = func(n int) { r.told[n]++ }
		return s.run(ctx)
	})
	close(visiting)
	probe.phase.shut()
	probe.stopReading()
	if err != nil {
		probe.link.close() // so that nobody waits for answers that will not come
	}
	return rate, probe.took.latency(), errors.Join(err, crew.wait())
}

// probe brings the link whose commands are measured.
func (r *entitiesRun) probe(ctx context.Context, label string) (*sender, error) {
	l, _, err := dial(ctx, r.target, "counter/bench-"+r.name, "bench", "bench-"+r.name+"-probe-"+label, false)
	if err != nil {
		return nil, err
	}
	return &sender{
		link: l, phase: newPhase(), took: newRecorder(),
		compose: func(dst []byte, _ int64) []byte { return append(dst, `,"name":"add","data":{"by":1}`...) },
	}, nil
}

// visitUnused brings links to entities that are not in memory, some each second, until over is closed.
func (r *entitiesRun) visitUnused(ctx context.Context, since *used, took *recorder, over <-chan struct{}) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return nil
		case <-tick.C:
		}
		i := -1
		for range 1000 {
			if k := rand.IntN(len(since.was)); since.mark(k) {
				i = k
				break
			}
		}
		if i < 0 {
			continue // nearly all have been used
		}
		if err := r.visit(ctx, took, i, false); err != nil {
			return err
		}
	}
}

// watchMemory notes the most memory that the server uses, until ctx is done.
func (r *entitiesRun) watchMemory(ctx context.Context, short *ShortOfMemory) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		short.Most = max(short.Most, int64(r.Metrics.read(ctx)["tutti_state_memory_bytes"]))
		u, err := r.Usage()
		if err != nil {
			return err
		}
		short.MostRSS = max(short.MostRSS, u.RSS)
	}
}

// verify asks some entities, those used most among them, for what they hold, after another start.
func (r *entitiesRun) verify(ctx context.Context) (err error) {
	if r.target, err = r.Start(ctx, ample, false); err != nil {
		return err
	}
	n := r.Entities.Entities
	err = each(min(r.Verify, n), linksAtOnce, func(k int) error {
		i := rand.IntN(n)
		if k%2 == 0 {
			i = int(uint64(k) * uint64(coprime(n)) % uint64(n))
		}
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		l, _, err := dial(ctx, r.target, r.entity(i), "bench", fmt.Sprintf("bench-%s-verify-%d", r.name, k), false)
		if err != nil {
			return err
		}
		defer l.leave()
		answer, err := l.request(ctx, "query", "height", nil)
		if err != nil {
			return err
		}
		if got := string(answer); got != strconv.Itoa(int(r.told[i])) {
			return fmt.Errorf("%s holds %s, it was told %d times", r.entity(i), got, r.told[i])
		}
		return nil
	})
	r.res.Verified = err == nil
	return err
}

// zipf returns ranks from 0 to n-1 by the run's law.
func (r *entitiesRun) zipf(n int) func() int {
	z := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), r.Skew, 1, uint64(max(n, 1)-1))
	return func() int { return int(z.Uint64()) }
}

// share returns which part of the uses the first k of n ranks have.
func share(k, n int, skew float64) float64 {
	var first, all float64
	for i := range n {
		p := math.Pow(float64(i+1), -skew)
		if all += p; i < k {
			first += p
		}
	}
	return first / all
}

// coprime returns a number of which the multiples modulo n are all numbers below n.
func coprime(n int) int {
	for c := n*3/8 | 1; ; c += 2 {
		a, b := n, c
		for b != 0 {
			a, b = b, a%b
		}
		if a == 1 {
			return c
		}
	}
}

// timesBetween returns how long activations took between two readings of the server's figures.
func timesBetween(before, after map[string]float64) ServerTimes {
	const name = "tutti_state_activation_seconds"
	rose := func(name string) float64 { return after[name] - before[name] }
	t := ServerTimes{Count: uint64(rose(name + "_count"))}
	if t.Count == 0 {
		return t
	}
	t.Mean = rose(name+"_sum") / float64(t.Count) * 1e6
	at := func(quantile float64) float64 {
		least := math.Inf(1)
		for bucket := range after {
			bound, ok := strings.CutPrefix(bucket, name+`_bucket{le="`)
			if !ok || rose(bucket) < quantile*float64(t.Count) {
				continue
			}
			if v, err := strconv.ParseFloat(strings.TrimSuffix(bound, `"}`), 64); err == nil {
				least = min(least, v)
			}
		}
		if math.IsInf(least, 1) {
			return -1 // beyond the last bound
		}
		return least * 1e6
	}
	t.P50, t.P99 = at(0.5), at(0.99)
	return t
}
