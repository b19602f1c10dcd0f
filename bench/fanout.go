package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/internal/process"
)

// Fanout paints on one board that many links watch. Zero fields mean the defaults named there.
type Fanout struct {
	Target   Target                        `json:"-"`
	Links    int                           `json:"links"`   // default 1,000
	Senders  int                           `json:"senders"` // connections that paint and do not watch (default 4)
	Events   float64                       `json:"events"`  // each second, of all senders (default 1,000)
	Stalled  int                           `json:"stalled"` // links besides, that never read (default none)
	Warmup   time.Duration                 `json:"-"`       // default 2 s
	For      time.Duration                 `json:"-"`       // default 10 s
	Usage    func() (process.Usage, error) `json:"-"`       // of the server; may be nil
	Metrics  Metrics                       `json:"-"`       // of the server; may be nil
	Progress func(passed time.Duration)    `json:"-"`       // of Warmup + For; may be nil

	name string // of the run, in ids (default a new one)
}

// FanoutResult is what came out.
type FanoutResult struct {
	Settings      Fanout  `json:"settings"`
	Window        Window  `json:"window"`
	Events        uint64  `json:"events"`     // durable in the whole run
	Expected      uint64  `json:"expected"`   // deliveries of those
	Delivered     uint64  `json:"delivered"`  // in the whole run
	Conflated     uint64  `json:"conflated"`  // replaced by a fresh state
	Repeated      uint64  `json:"repeated"`   // got by a viewer that had them
	Lost          uint64  `json:"lost"`       // neither
	Measured      uint64  `json:"deliveries"` // while measuring
	PerSecond     float64 `json:"per_second"`
	EventsRate    float64 `json:"events_per_second"` // durable, while measuring
	Latency       Latency `json:"latency"`           // from when a command was due to each viewer
	Last          Latency `json:"last_viewer"`       // from when a command was due to the last of the viewers
	Ack           Latency `json:"ack"`               // from when a command was due to its acknowledgement
	CPUPerMillion float64 `json:"server_cpu_seconds_per_million"`
	Stalls        *Stalls `json:"stalls"`
	BareWrite     float64 `json:"bare_write_cpu_us"` // CPU of one write to each of as many sockets; 0 where it is not known
	Rejected      uint64  `json:"rejected"`
	Rejection     string  `json:"rejection,omitempty"`
	Verified      bool    `json:"verified"` // every viewer got every event, once and in order, and all the same ones
}

// boardCells is how many different paints there are: 256 × 256 pixels in 16 colours. A paint names by them
// which one of the run it is.
const boardCells = 256 * 256 * 16

func (f Fanout) withDefaults() Fanout {
	fill(&f.Links, 1000)
	fill(&f.Senders, 4)
	fill(&f.Events, 1000)
	fill(&f.Warmup, 2*time.Second)
	fill(&f.name, rand.Text()[:8])
	fill(&f.For, 10*time.Second)
	return f
}

// Run loads the target and returns what came out. It returns an error when a viewer lost events, or when a
// link broke.
func (f Fanout) Run(ctx context.Context) (*FanoutResult, error) {
	f = f.withDefaults()
	if most := f.Events * (f.Warmup + f.For).Seconds(); most > boardCells*3/4 {
		return nil, fmt.Errorf("bench: %.0f events are more than can be told apart (%d)", most, boardCells*3/4)
	}
	run := fanoutRun{
		Fanout: f, phase: newPhase(),
		took: newRecorder(), last: newRecorder(), acks: newRecorder(),
		paints: make([]paint, boardCells), order: make([]atomic.Uint32, boardCells+1),
	}
	defer run.close()
	var err error
	if run.bare, err = bareWrite(ctx, f.Links); err != nil {
		return nil, err
	}
	if err := run.connect(ctx); err != nil {
		return nil, err
	}
	return run.load(ctx)
}
