package online

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// AgentConfig says for which edge an agent speaks. Zero fields mean the defaults named there.
type AgentConfig struct {
	// Edge is the name of the edge on the bus, different for each. Required.
	Edge string
	// Bus joins shards and agents. Required.
	Bus bus.Bus
	// Shards is how many the directory has (default DefaultShards).
	Shards int
	Timing Timing
	// Clock tells the time of day, since when somebody is online (default time.Now).
	Clock func() time.Time
	// Logger gets what an operator must know; nil discards it.
	Logger *slog.Logger
}

// Agent tells the directory who has links at an edge, and the edge who is online anywhere. Its methods may be called concurrently, and
// do not wait for anybody unless they take a context; Run once. It remembers a subject for as long as it has links and Timing.Linger
// longer, so that the edge's bounds of links and handshakes are those of its memory.
type Agent struct {
	edge        string
	bus         bus.Bus
	timing      Timing
	clock       func() time.Time
	log         *slog.Logger
	incarnation string
	streams     []*stream
	woken       chan struct{} // holds a token when there is something to do
	start       time.Time
	sent        atomic.Int64 // envelopes

	mu   sync.Mutex // guards asks
	asks map[uint64]*ask
	last uint64 // number of the last of asks
}

// NewAgent returns an agent, or what is wrong with c.
func NewAgent(c AgentConfig) (*Agent, error) {
	if c.Bus == nil || c.Edge == "" {
		return nil, errors.New("online: an agent needs a bus and the name of its edge")
	}
	if c.Shards == 0 {
		c.Shards = DefaultShards
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	a := &Agent{
		edge: c.Edge, bus: c.Bus, timing: c.Timing.withDefaults(), clock: c.Clock, log: c.Logger,
		incarnation: incarnation(), woken: make(chan struct{}, 1), start: time.Now(), asks: make(map[uint64]*ask),
	}
	for n := range c.Shards {
		a.streams = append(a.streams, newStream(n))
	}
	return a, nil
}

// stream returns what the agent has to do with the subject's shard.
func (a *Agent) stream(subject string) *stream {
	return a.streams[wire.Partition("", subject, len(a.streams))]
}

func (a *Agent) wake() {
	select {
	case a.woken <- struct{}{}:
	default: // it has been woken already
	}
}

// Came counts a link of the subject. Whoever calls it calls Gone once.
func (a *Agent) Came(subject string) {
	if a.stream(subject).came(subject, a.clock().UnixMilli()) {
		a.wake()
	}
}

// Gone says that a link of the subject has gone. When it was the last one, the subject stays online for Timing.Linger.
func (a *Agent) Gone(subject string) {
	if a.stream(subject).gone(subject, time.Since(a.start)+a.timing.Linger) {
		a.wake()
	}
}

// Run reports until ctx is done. The subjects of the edge are then online until Timing.TTL is over.
func (a *Agent) Run(ctx context.Context) error {
	stop, err := a.bus.Listen(bus.Reporter(a.edge), a.take)
	if err != nil {
		return fmt.Errorf("online: %w", err)
	}
	defer stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for woken := a.woken; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-woken:
			woken = nil // until what gathers meanwhile is sent, too
			timer.Reset(a.timing.Gather)
		case <-timer.C:
			woken = a.woken
			next := a.timing.Beat
			for _, s := range a.streams {
				next = min(next, a.report(s))
			}
			timer.Reset(max(next, a.timing.Gather))
		}
	}
}

// report sends a shard what there is to tell, and returns when there is more.
func (a *Agent) report(s *stream) time.Duration {
	now := time.Since(a.start)
	begin, parts, next := s.reports(now, a.timing.Beat)
	if begin != nil {
		if !a.send(s, begin) {
			s.tellAll()
			return next
		}
		parts = s.everything(begin.Number)
	}
	for i := range parts {
		if !a.send(s, parts[i]) {
			s.tellAll() // once the shard is there again
			return next
		}
	}
	return next
}

func (a *Agent) send(s *stream, env *wire.Envelope) bool {
	env.Edge, env.Epoch = a.edge, a.incarnation
	a.sent.Add(1)
	if err := a.bus.Send(Lane, bus.Directory(s.number), env); err != nil {
		a.log.Debug("shard not reached", "shard", s.number, "err", err)
		return false
	}
	return true
}

// take takes what a shard says.
func (a *Agent) take(env *wire.Envelope) {
	if env.Link >= uint64(len(a.streams)) {
		return // of a cluster with more shards
	}
	switch env.Kind {
	case wire.KindReported:
		if a.streams[env.Link].reported(env) {
			a.wake()
		}
	case wire.KindOnline:
		a.mu.Lock()
		defer a.mu.Unlock()
		if q := a.asks[env.Command]; q != nil {
			q.answered(int(env.Link), env)
		}
	}
}

// AgentStats is what an agent does.
type AgentStats struct {
	Subjects int // with links at the edge, or a little while ago
	Watched  int // by those who follow
	Sent     int64
}

// Stats returns figures as of now.
func (a *Agent) Stats() AgentStats {
	st := AgentStats{Sent: a.sent.Load()}
	for _, s := range a.streams {
		s.mu.Lock()
		st.Subjects += len(s.users)
		st.Watched += len(s.watched)
		s.mu.Unlock()
	}
	return st
}
