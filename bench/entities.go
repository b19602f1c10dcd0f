package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tutti-rt/tutti/internal/process"
)

// Entities makes many small entities, and measures what they cost while nothing happens, how fast they come from
// the disk, and how a server does that has memory for a part of them only. Zero fields mean the defaults named there.
type Entities struct {
	Entities int           `json:"entities"` // default 1,000,000
	ByLink   int           `json:"by_link"`  // of these, made by a command of a connection each (default one in 50)
	Share    float64       `json:"share"`    // of the entities for which there is memory in the end (default 0.1)
	Skew     float64       `json:"skew"`     // exponent of the Zipf law by which they are used then (default 1.1)
	Rate     float64       `json:"rate"`     // uses/s then (default 5,000)
	For      time.Duration `json:"-"`        // how long they are used then (default 10 s)
	Verify   int           `json:"verify"`   // entities that are asked in the end for what they hold (default 500)

	// Start starts the server, after killing it if it runs, with memory for that many bytes of entities, and without what
	// the system keeps in memory of its files if cold is set. All of these are required.
	Start    func(ctx context.Context, memory int64, cold bool) (Target, error) `json:"-"`
	Usage    func() (process.Usage, error)                                      `json:"-"`
	Metrics  Metrics                                                            `json:"-"`
	Heap     func(ctx context.Context) (io.ReadCloser, error)                   `json:"-"` // profile as text, after a collection
	AtRest   func(ctx context.Context) error                                    `json:"-"` // called with all entities in memory and nothing to do; may be nil
	Progress func(done float64)                                                 `json:"-"` // of 1; may be nil
	Part     func(name string)                                                  `json:"-"` // called as each part of the run begins; may be nil
}

// EntitiesResult is what came out.
type EntitiesResult struct {
	Settings    Entities      `json:"settings"`
	Created     Rate          `json:"created"`         // by other entities
	CreatedLink Rate          `json:"created_by_link"` // one after the other on some links at once
	Idle        IdleCost      `json:"idle"`
	Cold        Latency       `json:"cold_welcome"` // link to welcome at an entity on the disk, of whose files nothing was in memory
	Hot         Latency       `json:"hot_welcome"`  // the same at entities in memory
	Warm        Rate          `json:"warm_activations"`
	WarmTimes   ServerTimes   `json:"warm_activation_times"`
	Short       ShortOfMemory `json:"short_of_memory"`
	Verified    bool          `json:"verified"` // each entity asked holds exactly what was told it
}

// Rate is how fast something was done.
type Rate struct {
	Count     int     `json:"count"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"per_second"`
	ServerCPU float64 `json:"server_cpu_seconds"`
}

// IdleCost is what entities cost while nothing happens, in bytes for each. The heap profile counts what package
// state has allocated and still holds, the state of the entity with it.
type IdleCost struct {
	Profile     float64 `json:"heap_profile_bytes"`         // made by another entity
	ProfileLink float64 `json:"heap_profile_bytes_by_link"` // made by a connection's command
	Heap        float64 `json:"heap_bytes"`                 // growth of the whole heap, caches of the journal included
	RSS         float64 `json:"rss_bytes"`
	Estimate    float64 `json:"estimated_bytes"` // what the server takes them for
	Goroutines  int     `json:"goroutines"`      // of the server, with all entities
	Before      int     `json:"goroutines_before"`
	ServerRSS   int64   `json:"server_rss_bytes"`
}

// ServerTimes is how long the server took for each activation, in its histogram's coarse steps.
type ServerTimes struct {
	Count uint64  `json:"count"`
	Mean  float64 `json:"mean_us"`
	P50   float64 `json:"p50_us_at_most"`
	P99   float64 `json:"p99_us_at_most"`
}

// ShortOfMemory is how a server does that has memory for a part of what is used.
type ShortOfMemory struct {
	Budget       int64       `json:"budget_bytes"`
	Most         int64       `json:"most_estimated_bytes"`
	MostRSS      int64       `json:"most_rss_bytes"`
	Resident     int         `json:"resident"` // entities in memory in the end
	Uses         int         `json:"uses"`
	PerSecond    float64     `json:"uses_per_second"`
	Activations  uint64      `json:"activations"`
	Passivations uint64      `json:"passivations"`
	HitRate      float64     `json:"hit_rate"`
	BestHitRate  float64     `json:"best_hit_rate"` // if those used most stayed
	Times        ServerTimes `json:"activation_times"`
	Welcome      Latency     `json:"welcome"`             // link to welcome at entities that are not in memory, meanwhile
	Before       Latency     `json:"other_before"`        // commands of an entity that stays, while as much is used of what fits
	During       Latency     `json:"other_while_letting"` // the same while entities come and go
}

func (e Entities) withDefaults() Entities {
	fill(&e.Entities, 1_000_000)
	fill(&e.ByLink, max(1, e.Entities/50))
	fill(&e.Share, 0.1)
	fill(&e.Skew, 1.1)
	fill(&e.Rate, 5000)
	fill(&e.For, 10*time.Second)
	fill(&e.Verify, 500)
	return e
}

// Run measures and returns what came out. It returns an error when an entity does not hold what was told it.
func (e Entities) Run(ctx context.Context) (*EntitiesResult, error) {
	e = e.withDefaults()
	switch {
	case e.Start == nil || e.Usage == nil || e.Metrics == nil || e.Heap == nil:
		return nil, errors.New("bench: entities needs a server that it may kill and ask")
	case e.Entities < 1000 || e.ByLink > e.Entities/2:
		return nil, fmt.Errorf("bench: %d entities, %d by link: want 1000 at least, and half of them by link at most", e.Entities, e.ByLink)
	case e.Share <= 0 || e.Share >= 1 || e.Skew <= 1 || e.Rate <= 0:
		return nil, fmt.Errorf("bench: share %g, skew %g, rate %g: want a share below 1, a skew above 1 and some rate", e.Share, e.Skew, e.Rate)
	}
	run := entitiesRun{Entities: e, name: rand.Text()[:8], told: make([]uint32, e.Entities), res: &EntitiesResult{Settings: e}}
	for _, part := range []struct {
		name string // in one word
		what string
		do   func(context.Context) error
		done float64
	}{
		{"create", "create", run.create, 0.4},
		{"activate", "activate", run.activate, 0.7},
		{"short", "use short of memory", run.shortOfMemory, 0.95},
		{"verify", "verify", run.verify, 1},
	} {
		begin(e.Part, part.name)
		if err := part.do(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", part.what, err)
		}
		if e.Progress != nil {
			e.Progress(part.done)
		}
	}
	return run.res, nil
}
