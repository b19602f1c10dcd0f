package online

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/bus"
)

// DirectoryConfig says which shards a directory holds. Zero fields mean the defaults named there.
type DirectoryConfig struct {
	// Bus joins shards and agents. Required.
	Bus bus.Bus
	// Shards is how many there are in all (default DefaultShards), the same for every agent. Holds are those of this directory
	// (default: all).
	Shards int
	Holds  []int
	// Warmup is for how long the shards answer nothing after they begin, so that all edges have told them what they know by then. Zero
	// is for the directory of a node alone; that of a cluster waits for a little more than a beat.
	Warmup time.Duration
	Timing Timing
	// Logger gets what an operator must know; nil discards it.
	Logger *slog.Logger
}

// Directory holds shards: which subjects of theirs are online, at which edges, and which edges watch them. Its methods may be called
// concurrently; Run once. A subject costs what its edges hold of it: nobody but an edge adds to a shard, and an edge has no more
// subjects than links.
type Directory struct {
	bus    bus.Bus
	timing Timing
	log    *slog.Logger
	warm   time.Duration
	shards []*shard
	woken  chan struct{} // holds a token when there is something to tell
	told   atomic.Int64  // envelopes sent
}

// NewDirectory returns a directory, or what is wrong with c.
func NewDirectory(c DirectoryConfig) (*Directory, error) {
	if c.Bus == nil {
		return nil, errors.New("online: no bus")
	}
	if c.Shards == 0 {
		c.Shards = DefaultShards
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Holds == nil {
		for n := range c.Shards {
			c.Holds = append(c.Holds, n)
		}
	}
	d := &Directory{bus: c.Bus, timing: c.Timing.withDefaults(), log: c.Logger, warm: c.Warmup, woken: make(chan struct{}, 1)}
	for _, n := range c.Holds {
		if n < 0 || n >= c.Shards {
			return nil, fmt.Errorf("online: there is no shard %d of %d", n, c.Shards)
		}
		d.shards = append(d.shards, newShard(d, n, c.Warmup > 0))
	}
	return d, nil
}

// Run serves the shards until ctx is done. What they know is gone then.
func (d *Directory) Run(ctx context.Context) error {
	for _, s := range d.shards {
		stop, err := d.bus.Listen(bus.Directory(s.number), s.take)
		if err != nil {
			return fmt.Errorf("online: %w", err)
		}
		defer stop()
	}
	look := time.NewTicker(d.timing.TTL / 4)
	defer look.Stop()
	gather, warm := time.NewTimer(time.Hour), time.NewTimer(max(d.warm, 1))
	defer gather.Stop()
	defer warm.Stop()
	for woken := d.woken; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-woken:
			woken = nil
			gather.Reset(d.timing.Gather)
		case <-gather.C:
			woken = d.woken
			for _, s := range d.shards {
				s.tell()
			}
		case <-warm.C:
			for _, s := range d.shards {
				s.warmed()
			}
		case <-look.C:
			for _, s := range d.shards {
				s.expire(time.Now())
			}
		}
	}
}

func (d *Directory) wake() {
	select {
	case d.woken <- struct{}{}:
	default: // it has been woken already
	}
}

// incarnation returns a name that nobody had before.
func incarnation() string { return rand.Text() }

// DirectoryStats is what a directory holds.
type DirectoryStats struct {
	Subjects int // online
	Edges    int // that report, each counted for each shard
	Watched  int // subjects that an edge watches
	Sent     int64
}

// Stats returns figures as of now.
func (d *Directory) Stats() DirectoryStats {
	st := DirectoryStats{Sent: d.told.Load()}
	for _, s := range d.shards {
		s.mu.Lock()
		st.Subjects += len(s.users)
		st.Edges += len(s.edges)
		st.Watched += len(s.watchers)
		s.mu.Unlock()
	}
	return st
}
