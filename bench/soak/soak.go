package soak

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tutti-rt/tutti/internal/relay"
	"github.com/tutti-rt/tutti/journal"
)

// Bounds of a run.
const (
	MinFor  = time.Second
	MaxFor  = 24 * time.Hour
	minRate = 20
)

// Config says what to do. URL, Token, Node, Open, Data and Notes are required.
type Config struct {
	URL   string                           // http://host:port
	Token func(sub string) (string, error) // signs a token
	Node  Node
	// Open opens the journal that the node has left.
	Open func() (journal.Journal, error)
	// Data is the node's directory, and Notes an empty one for what clients are told: some 30 bytes for each command.
	Data, Notes string

	Seed      uint64        // of all choices
	For       time.Duration // how long the load lasts
	KillEvery time.Duration // about; 0: never
	DrainsIn  int           // one in so many ends is asked for with a signal (default 8)
	Rate      float64       // commands/s of all together

	// Transports are those that links choose from, one after the other. None: only WebSockets.
	Transports []Transport
	// Network says how bad the network is that most links go through. Its Target is the node's. Nil: all is well.
	Network *relay.Config

	// Visitors is how many there are who send commands with keys and look at views, without a connection.
	Visitors int
	// Guests are clients of others that take part.
	Guests []Guests

	// Settle is how long the node may take to answer everything once no more is sent (default 90 s).
	Settle time.Duration

	// Goroutines asks the node how many goroutines it has. Nil: nobody asks.
	Goroutines func(ctx context.Context) (int, error)
	// Progress is told how it goes, every second. Nil: nobody is.
	Progress func(Progress)
}

// Transport names a way to carry a link.
type Transport string

// The transports.
const (
	WebSocket        Transport = "websocket"
	ServerSentEvents Transport = "sse"
	LongPoll         Transport = "longpoll"
)

// Progress is how far a run has come.
type Progress struct {
	Passed   time.Duration
	Doing    string
	Acked    int64
	Events   int64 // delivered
	Kills    int
	Memory   int64 // of the node, in bytes
	Failures int
}

// settleTime is how long the node may take by default to answer everything once no more is sent.
const settleTime = 90 * time.Second

// Check returns every mistake in the settings.
func (c *Config) Check() error {
	var errs []error
	if c.For < MinFor || c.For > MaxFor {
		errs = append(errs, fmt.Errorf("a run lasts %s to %s", MinFor, MaxFor))
	}
	if c.KillEvery < 0 || c.KillEvery > 0 && c.KillEvery < time.Second {
		errs = append(errs, errors.New("kills are a second apart at least, or there is none"))
	}
	if c.Rate < minRate {
		errs = append(errs, fmt.Errorf("the rate is %d commands/s at least", minRate))
	}
	return errors.Join(errs...)
}

// Run loads the node, which serves already, ends it again and again, and verifies. The node is stopped in the end. The result
// has the failures; an error means that the run could not be carried out.
func Run(ctx context.Context, config Config) (*Result, error) {
	if err := config.Check(); err != nil {
		return nil, err
	}
	w := &world{config: &config, began: time.Now(), failures: &Failures{}, stopping: make(chan struct{})}
	w.pauses.last.Store(time.Now().UnixNano())
	w.pid.Store(int64(config.Node.PID()))
	w.now("load")
	w.gate.open()
	c, err := newCast(w)
	if err != nil {
		return nil, err
	}
	r := &run{world: w, cast: c, meter: &meter{world: w}}
	r.supervisor = &supervisor{world: w, meter: r.meter, rng: w.random(1 << 50)}
	err = r.load(ctx)
	if err = errors.Join(err, c.close()); err != nil {
		return nil, err
	}
	return r.verify(ctx)
}

// run is one call of Run.
type run struct {
	*world
	cast       *cast
	meter      *meter
	supervisor *supervisor
	network    []*relay.Relay
	result     Result
}

// load sends everything that is sent. All clients are gone when it returns, and so is the node unless there is an error.
func (r *run) load(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	var helpers crewOf
	defer helpers.Wait()
	defer cancel()
	clients, dismiss := context.WithCancel(ctx)
	defer r.clients.Wait()
	defer dismiss()

	calm, err := r.badNetwork(ctx, &helpers)
	if err != nil {
		return err
	}
	helpers.Go(func() { r.meter.run(ctx) })
	helpers.Go(func() { r.tell(ctx) })
	stop := r.stopping
	r.cast.enterAll(clients)
	if err := r.cast.invite(clients); err != nil {
		return errors.Join(err, r.cast.dismissGuests())
	}
	var working crewOf
	for i, crew := range r.cast.crews {
		working.Go(func() { crew.work(r.world, r.random(uint64(i)+1<<51), stop) })
	}
	for _, v := range r.cast.visitors() {
		working.Go(func() { v.run(ctx, stop) })
	}
	ending := make(chan error, 1)
	helpers.Go(func() { ending <- r.supervisor.run(ctx, stop) })
	select {
	case <-time.After(r.config.For):
	case <-ctx.Done():
	case err = <-ending:
		ending <- nil
	}
	r.result.Seconds = time.Since(r.began).Seconds()
	close(stop)
	calm()
	working.Wait()
	if err = errors.Join(err, <-ending, ctx.Err()); err != nil {
		return err
	}
	return r.settle(ctx)
}

// relays is how many ways through the bad network there are.
const relays = 4

// badNetwork puts relays between clients and node. They do no harm any more once calm is called.
func (r *run) badNetwork(ctx context.Context, helpers *crewOf) (calm func(), err error) {
	if r.config.Network == nil {
		return func() {}, nil
	}
	for i := range relays {
		c := *r.config.Network
		c.Target, c.Seed = strings.TrimPrefix(r.config.URL, "http://"), r.config.Seed+uint64(i)
		one, err := relay.Listen(ctx, c)
		if err != nil {
			return nil, err
		}
		helpers.Go(func() {
			if err := one.Run(ctx); err != nil {
				r.failures.add(Failure{Entity: "the relay", Broken: "it runs: " + err.Error()})
			}
		})
		r.network = append(r.network, one)
		r.relays = append(r.relays, "http://"+one.Addr())
	}
	return func() {
		for _, one := range r.network {
			one.Calm()
		}
	}, nil
}

// tell tells how it goes.
func (r *run) tell(ctx context.Context) {
	if r.config.Progress == nil {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		r.config.Progress(r.progress())
	}
}

func (r *run) progress() Progress {
	p := Progress{
		Passed: time.Since(r.began), Doing: *r.doing.Load(),
		Acked: r.counts.acked.Load(), Events: r.counts.events.Load(), Kills: int(r.supervisor.kills.Load()),
	}
	r.meter.mu.Lock()
	defer r.meter.mu.Unlock()
	if n := len(r.meter.samples); n > 0 {
		p.Memory = r.meter.samples[n-1].rss
	}
	p.Failures, _ = r.failures.All()
	return p
}

// verify reads the journal that the node has left.
func (r *run) verify(ctx context.Context) (*Result, error) {
	began := time.Now()
	if r.now("verify"); r.config.Progress != nil {
		r.config.Progress(r.progress())
	}
	j, err := r.config.Open()
	if err != nil {
		return nil, fmt.Errorf("open the journal in the end: %w", err)
	}
	sum, err := Verify(ctx, j, r.config.Notes, r.failures)
	if err = errors.Join(err, j.Close()); err != nil {
		r.failures.add(Failure{Entity: "the journal", Broken: "it can be read: " + err.Error()})
	}
	r.result.Verified = sum
	r.result.Verifying = time.Since(began).Seconds()
	r.finish()
	return &r.result, nil
}
