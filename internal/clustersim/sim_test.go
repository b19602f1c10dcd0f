package clustersim_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/internal/histories"
	"github.com/tutti-rt/tutti/internal/histories/witness"
	"github.com/tutti-rt/tutti/wire"
)

var (
	oneSeed  = flag.Uint64("clustersim.seed", 0, "run this seed alone, and print what happened")
	first    = flag.Uint64("clustersim.first", 1, "the first seed")
	seeds    = flag.Int("clustersim.seeds", 3, "how many seeds")
	duration = flag.Duration("clustersim.for", 0, "run seeds for so long, however many there are")
	verbose  = flag.Bool("clustersim.v", false, "take down everything that is logged")
	out      = flag.String("clustersim.out", "", "directory for what happened in seeds that fail")
)

func logLevel() slog.Level {
	if *verbose {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// lateAfter is when a seed counts as one that will not end.
const lateAfter = time.Minute

// TestSeeds runs one seed after the other, as many at once as there are cores.
func TestSeeds(t *testing.T) {
	if *oneSeed != 0 {
		w := simulate(t, *oneSeed, nil)
		t.Log(strings.Join(w.told, "\n"))
		w.judge(t)
		return
	}
	began := time.Now()
	var next atomic.Uint64
	next.Store(*first)
	var total totals
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				seed := next.Add(1) - 1
				if *duration > 0 && time.Since(began) > *duration || *duration == 0 && seed >= *first+uint64(*seeds) {
					return
				}
				t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
					total.add(simulate(t, seed, nil).judge(t))
				})
			}
		})
	}
	workers.Wait()
	t.Logf("%d seeds from %d on in %s: %s", total.seeds, *first, time.Since(began).Round(time.Second), total.String())
}

// totals is what all seeds came to.
type totals struct {
	mu sync.Mutex
	histories.Counts
	seeds int
	time  time.Duration
}

func (a *totals) add(c histories.Counts, d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seeds++
	a.time += d
	a.Entities += c.Entities
	a.Acked += c.Acked
	a.Rejected += c.Rejected
	a.Unknown += c.Unknown
	a.Answers += c.Answers
	a.States += c.States
	a.Shown += c.Shown
	a.Sent += c.Sent
}

func (a *totals) String() string {
	return fmt.Sprintf("%s simulated, %d commands acknowledged, %d rejected, %d of unknown fate, %d answers and %d states, %d events shown, %d transfers",
		a.time.Round(time.Second), a.Acked, a.Rejected, a.Unknown, a.Answers, a.States, a.Shown, a.Sent)
}

// simulate does what a seed says, and returns when nothing of it runs any more.
func simulate(t *testing.T, seed uint64, change func(w *world) []step) (w *world) {
	// In a bubble time stands still while anybody waits for a lock, and hardly goes on where there is no end of messages.
	late := time.AfterFunc(lateAfter, func() {
		debug.SetTraceback("all")
		panic(fmt.Sprintf("seed %d does not end", seed))
	})
	defer late.Stop()
	synctest.Test(t, func(t *testing.T) {
		rng := newWorld(t, seed, 4).random(0)
		nodes := 3 + rng.IntN(2)
		w = newWorld(t, seed, nodes)
		steps := plan(rng, nodes)
		if change != nil {
			steps = change(w)
		}
		w.play(steps)
		w.took = w.recorder.Now()
	})
	return w
}

// play has clients play while the steps happen, and takes a last look at everything when all is well.
func (w *world) play(steps []step) {
	stopWatch := make(chan struct{})
	w.ghosts.Go(func() { w.net.watch(stopWatch) })
	defer w.end()
	defer close(stopWatch)
	all, done := context.WithCancel(context.Background())
	defer done()
	founding, cancel := context.WithTimeout(all, time.Minute)
	defer cancel()
	if err := w.found(founding); err != nil {
		w.trouble("cluster", "a cluster can be founded", err.Error())
		return
	}
	tables := w.cast()
	playing, stop := context.WithCancel(all)
	var players sync.WaitGroup
	number := 0
	for _, t := range tables {
		for i := range t.players {
			number++
			p := t.newPlayer(number, i%len(t.ids))
			players.Go(func() { p.live(playing, all) })
		}
	}
	w.take(all, steps)
	if err := w.heal(); err != nil {
		w.trouble("cluster", "every node starts again", err.Error())
	}
	w.tell("all is well")
	time.Sleep(time.Second)
	stop()
	close(w.well)
	players.Wait()
	w.tell("last looks")
	for i, t := range tables {
		if t.category == histories.Account && !t.atRest(10_050+100*i) {
			continue // where one waits for money that is lost, so do all, for as long as there is patience
		}
		for j := range t.ids {
			t.look(t.newPlayer(10_000+100*i+j, j), true)
		}
	}
	for _, m := range w.machines {
		if p := m.process(); p != nil {
			if n := p.state.Stats().Mismatches; n > 0 {
				w.trouble(m.name, "mirrors are what their owner has", fmt.Sprint(n))
			}
		}
	}
}

// cast returns who plays at what.
func (w *world) cast() []*table {
	var all []*table
	for p := range partitions {
		all = append(all, w.newTable(histories.Counter, p, 1).with(2))
	}
	return append(all, w.newTable(histories.Cell, 0, 1).with(3), w.newTable(histories.Account, -1, 3).with(3))
}

// atRest reports whether all accounts have got what they wait for, by players from that number on. What one has sent is in the stream of
// another: none is read before.
func (t *table) atRest(number int) bool {
	for j := range t.ids {
		if !t.look(t.newPlayer(number+j, j), false) {
			return false
		}
	}
	return true
}

// look reads the stream of an entity from its beginning, once it is at rest, and has it judged if that is wanted. It reports whether
// that could be done.
func (t *table) look(p *player, judged bool) bool {
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	defer cancel()
	e := witness.Ending{Category: t.category, Epoch: &t.epochs[p.at], Open: func(ctx context.Context, from wire.Cursor) (*client.Client, error) {
		config := p.config()
		config.Cursor = from
		return client.Open(ctx, p.url(), config)
	}}
	if !judged {
		if err := e.Rest(ctx); err != nil {
			t.trouble(p.entity(), "an entity comes to rest", err.Error())
			return false
		}
		return true
	}
	stream, err := e.Stream(ctx)
	if err != nil {
		t.trouble(p.entity(), "the stream of an entity can be read from its beginning", err.Error())
		return false
	}
	if len(stream) > 0 {
		t.recorder.Ended(t.category, t.ids[p.at], stream)
	}
	return true
}

// violations returns what was broken.
func (w *world) violations() (histories.Counts, []histories.Violation) {
	j := histories.NewJudge()
	all := w.recorder.Histories()
	w.tooOld(all)
	troubles := w.troubles
	for _, h := range all {
		j.Hear(h)
		verdict, err := h.Linear(20*time.Second, "")
		if err != nil || verdict == histories.Impossible {
			troubles = append(troubles, histories.Violation{Entity: h.Name(), Broken: "linearizable", Told: fmt.Sprint(verdict, " ", err)})
		}
	}
	j.Close()
	return j.Counts, append(troubles, j.Violations...)
}

// judge fails the test for what was broken, and says how to run the seed again.
func (w *world) judge(t *testing.T) (histories.Counts, time.Duration) {
	t.Helper()
	counts, found := w.violations()
	if len(found) == 0 {
		return counts, w.took
	}
	for i := range found[:min(len(found), 10)] {
		t.Error(found[i].String())
	}
	t.Errorf("seed %d; run it again with:\n\tgo test ./internal/clustersim -run TestSeeds -clustersim.seed=%d", w.seed, w.seed)
	if *out != "" {
		if err := os.WriteFile(filepath.Join(*out, fmt.Sprintf("seed-%d.txt", w.seed)), []byte(fmt.Sprint(found)+"\n"+strings.Join(w.told, "\n")), 0o600); err != nil {
			t.Error(err)
		}
	}
	return counts, w.took
}
