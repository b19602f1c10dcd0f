package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/internal/process"
)

// Commands loads counters with increments, each of which is answered once it is durable. Zero fields
// mean the defaults named there.
type Commands struct {
	Target      Target                        `json:"-"`
	Edges       []Target                      `json:"-"`           // further edges, over which connections are spread
	Connections int                           `json:"connections"` // default 1,024
	Entities    int                           `json:"entities"`    // default: one for each connection
	InFlight    int                           `json:"in_flight"`   // unanswered commands of a connection (default 1)
	Viewers     int                           `json:"viewers"`     // watching each entity (default none)
	Watch       bool                          `json:"watch"`       // connections also get events; else they only send
	Rate        float64                       `json:"rate"`        // commands/s of all; 0: each as soon as it may
	Warmup      time.Duration                 `json:"-"`           // default 2 s
	For         time.Duration                 `json:"-"`           // default 10 s
	Usage       func() (process.Usage, error) `json:"-"`           // of the server; may be nil
	Metrics     Metrics                       `json:"-"`           // of the server; may be nil
	Progress    func(passed time.Duration)    `json:"-"`           // of Warmup + For; may be nil
	Opened      func()                        `json:"-"`           // called as measuring begins; may be nil
	Shut        func()                        `json:"-"`           // called as it ends; may be nil
}

// CommandsResult is what came out.
type CommandsResult struct {
	Settings  Commands `json:"settings"`
	Window    Window   `json:"window"`
	Commands  uint64   `json:"commands"` // answered while measuring
	PerSecond float64  `json:"per_second"`
	Rejected  uint64   `json:"rejected"` // in the whole run
	Rejection string   `json:"rejection,omitempty"`
	Latency   Latency  `json:"latency"`
	// Corrected is Latency without the omission that is coordinated with the server: in a closed loop nobody
	// sends while the server stalls. Each command that took longer than CorrectedEvery, the mean, stands also
	// for those that would have been sent meanwhile. With a rate, Latency counts from when each was due.
	Corrected      Latency  `json:"corrected_latency,omitzero"`
	CorrectedEvery int64    `json:"corrected_every_us,omitzero"`
	Batches        *Batches `json:"batches,omitempty"` // nil where they are not known
	CPUPerMillion  float64  `json:"server_cpu_seconds_per_million"`
	Seen           uint64   `json:"events_seen_by_viewers"`
	Verified       bool     `json:"verified"` // every counter holds what was acknowledged, every viewer saw all of it
}

func (c Commands) withDefaults() Commands {
	fill(&c.Connections, 1024)
	fill(&c.Entities, c.Connections)
	fill(&c.InFlight, 1)
	fill(&c.Warmup, 2*time.Second)
	fill(&c.For, 10*time.Second)
	return c
}

func fill[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// Run loads the target and returns what came out. It returns an error when something that was acknowledged
// is missing, or when a link broke.
func (c Commands) Run(ctx context.Context) (*CommandsResult, error) {
	c = c.withDefaults()
	if c.InFlight >= maxUnanswered || c.Entities > c.Connections {
		return nil, fmt.Errorf("bench: %d in flight (at most %d), %d entities for %d connections", c.InFlight, maxUnanswered-1, c.Entities, c.Connections)
	}
	run := commandsRun{Commands: c, name: rand.Text()[:8], phase: newPhase(), took: newRecorder(), acks: make([]atomic.Uint64, c.Entities)}
	defer run.close()
	if err := run.connect(ctx); err != nil {
		return nil, err
	}
	w, err := run.load(ctx)
	if err != nil {
		return nil, err
	}
	return run.result(w)
}
