package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/tutti-rt/tutti/internal/process"
)

// Recovery fills a server with entities, kills it under load, starts it again, and measures how long it is until it
// answers correctly. Zero fields mean the defaults named there; the functions without one are required.
type Recovery struct {
	Target   Target        `json:"-"`
	Entities int           `json:"entities"` // default 1,000,000
	Events   int           `json:"events"`   // of each (default 20)
	Tries    int           `json:"tries"`    // kills and starts (default 5)
	Sample   int           `json:"sample"`   // entities verified after each start (default 1,000)
	Loaders  int           `json:"loaders"`  // connections that send when the server is killed (default 64)
	Load     time.Duration `json:"-"`        // before each kill (default 1 s)

	Kill     func() error                  `json:"-"` // ends the server without warning
	Start    func(context.Context) error   `json:"-"` // starts it again, and returns when it accepts connections
	Disk     func() (int64, error)         `json:"-"` // bytes of its data
	Usage    func() (process.Usage, error) `json:"-"` // of the server as it runs now
	Metrics  Metrics                       `json:"-"` // of the server; required, to know what is filled
	Progress func(filled int)              `json:"-"` // of Entities, while filling; may be nil
	Part     func(name string)             `json:"-"` // called as each part of the run begins; may be nil
}

// RecoveryResult is what came out.
type RecoveryResult struct {
	Settings    Recovery `json:"settings"`
	FillSeconds float64  `json:"fill_seconds"`
	FillCPU     float64  `json:"fill_server_cpu_seconds"`
	Disk        int64    `json:"disk_bytes"` // of the data, before the first kill
	Tries       []Start  `json:"tries"`
	Listening   Latency  `json:"listening"`    // from the start of the process until it accepts connections
	FirstAnswer Latency  `json:"first_answer"` // from the start of the process until the first correct answer
	Answers     Latency  `json:"answers"`      // of the samples: link, welcome and query of an entity that is on disk
	Verified    bool     `json:"verified"`     // every entity asked had what it should
}

// Start is one start after a kill. Times are in µs since the process was started.
type Start struct {
	Listening   int64   `json:"listening_us"`
	FirstAnswer int64   `json:"first_answer_us"`
	Sampled     int64   `json:"sampled_us"` // every entity of the sample verified
	RSS         int64   `json:"rss_bytes"`  // at the first answer
	SampledRSS  int64   `json:"sampled_rss_bytes"`
	CPU         float64 `json:"server_cpu_seconds"` // until the first answer
	Acked       uint64  `json:"acknowledged"`       // commands before the kill, in this try
	Unanswered  uint64  `json:"unanswered"`         // sent and not answered when the server was killed
}

func (r Recovery) withDefaults() Recovery {
	fill(&r.Entities, 1_000_000)
	fill(&r.Events, 20)
	fill(&r.Tries, 5)
	fill(&r.Sample, 1000)
	fill(&r.Loaders, 64)
	fill(&r.Load, time.Second)
	return r
}

// Run fills the server, kills it and returns what came out. It returns an error when something that was
// acknowledged is missing.
func (r Recovery) Run(ctx context.Context) (*RecoveryResult, error) {
	r = r.withDefaults()
	if r.Kill == nil || r.Start == nil || r.Metrics == nil || r.Usage == nil || r.Disk == nil {
		return nil, errors.New("bench: recovery needs a server that it may kill")
	}
	run := recoveryRun{
		Recovery: r, name: rand.Text()[:8], res: &RecoveryResult{Settings: r},
		listening: newHistogram(), first: newHistogram(), answers: newRecorder(), counters: make([]counted, r.Loaders),
	}
	if err := run.fill(ctx); err != nil {
		return nil, err
	}
	for range r.Tries {
		if err := run.try(ctx); err != nil {
			return nil, err
		}
	}
	return run.result(), nil
}
