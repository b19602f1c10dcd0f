package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/internal/process"
)

// grace is how long links and goroutines of abusers may be there after the abuse.
const grace = 20 * time.Second

// spare returns how many goroutines more than before there may be then: those kept to take turns, 32 for each core,
// of the HTTP server, of timers.
func spare() int { return 56 + 32*runtime.NumCPU() }

// abuseRun is one scenario under way.
type abuseRun struct {
	Abuse
	scenario Scenario
	node     *AbuseNode
	crowd    *crowd
	result   ScenarioResult
	began    time.Time
	peak     atomic.Int64 // resident memory of the node since the abuse began
}

// one runs one scenario.
func (a Abuse) one(ctx context.Context, s Scenario) (_ ScenarioResult, err error) {
	r := &abuseRun{Abuse: a, scenario: s, began: time.Now(), result: ScenarioResult{Name: s.Name, What: s.What}}
	if a.Began != nil {
		a.Began(s, a.For+2*a.Around)
	}
	if r.node, err = a.Start(ctx, s); err != nil {
		return r.result, err
	}
	defer func() { err = errors.Join(err, r.node.Close(ctx)) }()
	r.crowd = newCrowd(r.node.Target, s.Breaks)
	if err := r.crowd.connect(ctx); err != nil {
		r.crowd.close()
		return r.result, err
	}
	err = r.run(ctx)
	return r.result, err
}

// run measures before, during and after, and then looks for what is missing.
func (r *abuseRun) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, r.crowd.close)
	defer stop()
	r.crowd.start(ctx)
	var observing sync.WaitGroup
	ended := make(chan struct{})
	observing.Go(func() { r.observe(ctx, cancel, ended) })
	err := r.measure(ctx)
	if err == nil {
		err = r.crowd.finish(ctx)
	}
	if err == nil {
		err = r.crowd.verify(ctx)
	}
	close(ended)
	observing.Wait()
	if cause := context.Cause(ctx); cause != nil {
		err = cause // the first thing that went wrong
	}
	err = errors.Join(err, r.crowd.stop())
	r.result.count(r.crowd)
	if err != nil {
		return err
	}
	if err := r.node.Restart(ctx); err != nil {
		return err
	}
	if err := r.crowd.verify(ctx); err != nil {
		return fmt.Errorf("after kill -9: %w", err)
	}
	r.result.Verified = true
	return nil
}

// observe takes part in the life of the bystanders and the node: when either breaks, the run is over.
func (r *abuseRun) observe(ctx context.Context, cancel context.CancelCauseFunc, ended <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-r.crowd.crew.failed:
			cancel(r.crowd.crew.err)
			return
		case <-ctx.Done():
			return
		case <-ended:
			return
		}
		if r.Progress != nil {
			r.Progress(min(time.Since(r.began), r.For+2*r.Around))
		}
		p := r.node.Process()
		select {
		case <-p.Ended():
			if !r.scenario.Breaks {
				cancel(fmt.Errorf("the node ended:\n%s", r.node.Output()))
				return
			}
		default:
		}
		if u, err := p.Usage(); err == nil {
			r.peak.Store(max(r.peak.Load(), u.RSS))
		}
	}
}

// measure goes through the phases. It returns what the scenario and its bounds have to say.
func (r *abuseRun) measure(ctx context.Context) error {
	res := &r.result
	r.crowd.begin(phaseBefore)
	if err := pause(ctx, r.Around); err != nil {
		return err
	}
	before, err := r.node.Metrics(ctx)
	if err != nil {
		return err
	}
	res.Links.Before, res.Goroutines.Before = int(before[metricLinks]), int(before[metricGoroutines])
	res.Memory.Before = r.usage().RSS
	r.peak.Store(res.Memory.Before) // what was before does not count

	r.crowd.begin(phaseDuring)
	w := openWindow(r.node.Process().Usage)
	env := &AbuseEnv{Target: r.node.Target, For: r.For, Scale: r.Scale, Node: r.node}
	figures, abused := r.abuse(ctx, env)
	used := w.close(runtime.GOMAXPROCS(0))
	res.Seconds, res.ServerCPU, res.Figures = used.Seconds, used.ServerCPU, figures
	res.Memory.After, res.Memory.Peak = used.ServerRSS, r.peak.Load()

	r.crowd.begin(phaseAfter)
	if err := errors.Join(abused, pause(ctx, r.Around)); err != nil {
		return err
	}
	r.crowd.begin(phaseOver)
	res.Memory.After, res.Memory.Peak = r.usage().RSS, r.peak.Load()
	after, err := r.settled(ctx)
	if err != nil {
		return err
	}
	for name := range after {
		after[name] -= before[name]
	}
	res.rose(after)
	if r.scenario.Check != nil {
		if err := r.scenario.Check(env, after); err != nil {
			return err
		}
	}
	if grown := res.Memory.Peak - res.Memory.Before; grown > r.scenario.Growth {
		return fmt.Errorf("the node grew by %s, more than %s", megabytes(grown), megabytes(r.scenario.Growth))
	}
	return nil
}

func (r *abuseRun) usage() process.Usage {
	u, _ := r.node.Process().Usage() // zero where it is not known
	return u
}

// abuse runs the scenario, with a bound to how long it may take.
func (r *abuseRun) abuse(ctx context.Context, env *AbuseEnv) ([]Figure, error) {
	ctx, cancel := context.WithTimeout(ctx, r.For+time.Minute)
	defer cancel()
	var sampling sync.WaitGroup
	defer sampling.Wait()
	sampled, stop := context.WithCancel(ctx)
	defer stop()
	sampling.Go(func() { r.sample(sampled) })
	if r.scenario.Apart && r.node.Apart != nil {
		apart := *env
		apart.Node = nil
		return r.node.Apart(ctx, r.scenario, &apart)
	}
	return r.scenario.Run(ctx, env)
}

// sample keeps the most links and goroutines that there are while ctx is not done.
func (r *abuseRun) sample(ctx context.Context) {
	for pause(ctx, r.For/20) == nil {
		if m, err := r.node.Metrics(ctx); err == nil { // a node that is down has none
			r.result.Links.Most = max(r.result.Links.Most, int(m[metricLinks]))
			r.result.Goroutines.Most = max(r.result.Goroutines.Most, int(m[metricGoroutines]))
		}
	}
}

const (
	metricLinks      = "tutti_edge_links"
	metricGoroutines = "go_goroutines"
)

// settled waits until nothing is left of the abusers, and returns the metrics then.
func (r *abuseRun) settled(ctx context.Context) (map[string]float64, error) {
	res := &r.result
	began := time.Now()
	for {
		m, err := r.node.Metrics(ctx)
		if err != nil {
			return nil, err
		}
		res.Links.After, res.Goroutines.After = int(m[metricLinks]), int(m[metricGoroutines])
		over := res.Links.After > res.Links.Before+newcomers || res.Goroutines.After > res.Goroutines.Before+spare()
		switch {
		case !over:
			return m, nil
		case time.Since(began) > grace:
			return nil, fmt.Errorf("%s after the abuse there are %d links and %d goroutines, before it %d and %d",
				grace, res.Links.After, res.Goroutines.After, res.Links.Before, res.Goroutines.Before)
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// pause waits unless ctx is done before.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
