package proof

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/internal/faults"
	"github.com/tutti-rt/tutti/internal/histories"
	"github.com/tutti-rt/tutti/internal/netlab"
)

// Node is a process of the cluster. Its functions are called one at a time.
type Node interface {
	// URL is where its clients connect.
	URL() string
	// Start starts it, again with the same data, and returns once it listens.
	Start(ctx context.Context) error
	// Kill ends it without warning, Stop by asking it to end.
	Kill() error
	Stop(ctx context.Context) error
	// Pause has it stand still until Resume.
	Pause() error
	Resume() error
	// Fail gives its disk and clock these faults.
	Fail(s faults.Settings) error
	// Lose empties the disk of a node that does not run. It joins the others when it starts.
	Lose() error
	// Status asks it how the cluster is. The error is ErrNoStatus when it is none.
	Status(ctx context.Context) (Status, error)
	// Metrics asks it for its figures, by name with labels.
	Metrics(ctx context.Context) (map[string]float64, error)
	// Operate has it carry out what an operator wants of the cluster, as /admin/v1/cluster/ has it.
	Operate(ctx context.Context, act, body string) error
}

// Config says what to do. Nodes, Partitions, Token, Schedule and Rate are required.
type Config struct {
	Nodes      []Node // those that do not run yet join by the schedule
	Running    int    // how many of them run
	Network    *netlab.Lab
	Partitions int
	Token      func(sub string) (string, error) // signs a token

	Seed     uint64
	Schedule Schedule
	Quiet    time.Duration // before the first fault, in which nothing may happen
	Even     bool          // the leads are spread over the nodes before the quiet
	EachEven bool          // and before each step
	Rate     float64       // commands and queries/s of all together
	Senders  int           // that keep the nodes busy besides
	// Stray is which of the further requests of a link, polls and posts, goes to another edge (default 8; 1: every one).
	Stray int
	// Transports are what clients choose from (default: all).
	Transports []client.Transport
	Chapter    time.Duration // how long entities are used (default 20 s)
	Limit      time.Duration // of the search for each entity (default 20 s)
	Pictures   string        // directory for pictures of what cannot have been; empty: none

	// Progress is told what happens. Nil: nobody is.
	Progress func(text string)
}

// settleTime is how long commands, transfers and last looks may take once all is well.
const settleTime = 30 * time.Second

// run is one call of Run.
type run struct {
	config   *Config
	recorder *histories.Recorder
	watch    *watch
	numbers  atomic.Int64 // of clients
	load     load
	calm     time.Duration // when the quiet began
	stopped  time.Duration // when players were told to go

	mu       sync.Mutex
	cut      bool // the run ends before its time: what goes wrong then is nobody's fault
	running  int  // nodes from the first on that have been started
	faults   []fault
	played   []*table
	troubles []histories.Violation
}

// fault is a step that was taken.
type fault struct {
	step       Step
	begin, end time.Duration
	led        []int // partitions that the nodes led just before
}

// Run loads the cluster, takes the steps, and judges. The result has what was broken. An error means that the run could not be carried out to its end;
// the result, if there is one, then has what was measured until that, and judges nothing.
func Run(ctx context.Context, config Config) (*Result, error) {
	if config.Chapter == 0 {
		config.Chapter = 20 * time.Second
	}
	if config.Limit == 0 {
		config.Limit = 20 * time.Second
	}
	if config.Stray == 0 {
		config.Stray = 8
	}
	if len(config.Transports) == 0 {
		config.Transports = client.AllTransports()
	}
	r := newRun(&config)
	defer context.AfterFunc(ctx, r.interrupt)()
	err := r.play(ctx)
	var pauses Pauses
	if err == nil {
		pauses = r.handedOver(ctx)
		r.tell("last looks")
		err = r.lastLooks(ctx)
	}
	if err == nil {
		r.tell("judgement")
	}
	res, failed := r.result(err != nil)
	if err = errors.Join(err, failed); res != nil {
		res.Pauses = pauses
	}
	return res, err
}

func newRun(config *Config) *run {
	r := &run{config: config, recorder: histories.NewRecorder(), running: config.Running}
	r.watch = &watch{run: r}
	return r
}

// play plays and takes all steps. All is well, and everybody has gone, when it returns.
func (r *run) play(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	watching.Go(func() { r.watch.follow(ctx) })

	playing, stop := context.WithCancel(ctx)
	defer stop()
	var players sync.WaitGroup
	r.cast(func(s *seat) { players.Go(func() { s.play(playing) }) })
	for i := range r.config.Senders {
		players.Go(func() { (&sender{r, i}).send(playing) })
	}
	d := &director{run: r}
	err := r.rest(ctx, d)
	for i := 0; err == nil && i < len(r.config.Schedule); i++ {
		err = d.take(ctx, r.config.Schedule[i])
	}
	if err == nil {
		err = wait(ctx, calmTime)
	}
	if err != nil {
		r.interrupt()
	}
	r.stopped = r.recorder.Now()
	stop()
	r.tell("answers")
	players.Wait()
	return errors.Join(err, ctx.Err())
}

// rest waits until all is well, if that is wanted, and then for the time in which nothing may happen.
func (r *run) rest(ctx context.Context, d *director) error {
	if r.config.Even {
		r.tell("leads are spread")
		if err := d.well(ctx, true); err != nil {
			return err
		}
	} else if err := wait(ctx, warmTime); err != nil {
		return err
	}
	r.calm = r.recorder.Now()
	r.tell(fmt.Sprintf("%s of quiet", r.config.Quiet))
	return wait(ctx, r.config.Quiet)
}

// warmTime is how long the beginning does not count as quiet.
const warmTime = time.Second

// calmTime is how long players go on after the last step.
const calmTime = 2 * time.Second

// cast calls sit for each seat: entities in every partition for the counters, and the others. Counters have a client at every edge, as
// far as those are up, so that each partition can be asked through one that does not fail.
func (r *run) cast(sit func(s *seat)) {
	var all []*seat
	for p := range r.config.Partitions {
		all = append(all, &seat{run: r, category: histories.Counter, partition: p, clients: min(max(2, r.config.Running), mostAtCounter), stays: true})
	}
	for range cells {
		all = append(all, &seat{run: r, category: histories.Cell, partition: anywhere, clients: 4})
	}
	all = append(all, &seat{run: r, category: histories.Account, partition: anywhere, clients: accounts})
	clients := 0
	for i, s := range all {
		s.number = i
		clients += s.clients
	}
	for _, s := range all {
		s.every = time.Duration(float64(clients) / r.config.Rate * float64(time.Second))
		sit(s)
	}
}

// How many there are.
const (
	cells    = 4 // at a time
	accounts = 6

	mostAtCounter = 3
)

// random returns a source of choices that depends on the seed and the number alone.
func (r *run) random(number uint64) *rand.Rand {
	return rand.New(rand.NewPCG(r.config.Seed, number))
}

func (r *run) tell(text string) {
	if r.config.Progress != nil {
		r.config.Progress(fmt.Sprintf("%7s %s", r.recorder.Now().Round(time.Millisecond), text))
	}
}

// trouble notes what is broken for a client.
func (r *run) trouble(entity, broken, told string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.troubles) < mostTroubles && !r.cut {
		r.troubles = append(r.troubles, histories.Violation{Entity: entity, Broken: broken, Told: told})
	}
}

const mostTroubles = 100

// interrupt has nothing be noted any more.
func (r *run) interrupt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = true
}

// nodes returns those that have been started.
func (r *run) nodes() []Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.config.Nodes[:r.running]
}

// picture is where what cannot have been with the entity is drawn.
func (r *run) picture(h *histories.History) string {
	if r.config.Pictures == "" {
		return ""
	}
	return filepath.Join(r.config.Pictures, h.Category+"-"+h.ID+".html")
}

// wait waits.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
