package bench

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/tutti-rt/tutti/internal/process"
)

// Links opens many links that then do nothing, and looks at what they cost. Zero fields mean the defaults named there.
type Links struct {
	Target   Target                        `json:"-"`
	Links    int                           `json:"links"`    // default 50,000
	Entities int                           `json:"entities"` // counters that the links watch (default 1,000)
	AtOnce   int                           `json:"at_once"`  // handshakes under way (default 64)
	Others   int                           `json:"others"`   // connections that send while all links are open (default 50)
	Rate     float64                       `json:"rate"`     // their commands/s together (default 500)
	Idle     time.Duration                 `json:"-"`        // how long the links do nothing (default 30 s: more than a heartbeat)
	For      time.Duration                 `json:"-"`        // how long the others send (default 5 s)
	Settle   time.Duration                 `json:"-"`        // after the links were dropped, until memory is read (default 15 s: more than connections may be away)
	Usage    func() (process.Usage, error) `json:"-"`        // of the server; may be nil
	Metrics  Metrics                       `json:"-"`        // of the server; may be nil
	Collect  func(context.Context) error   `json:"-"`        // makes the server collect its garbage; may be nil
	Progress func(passed int)              `json:"-"`        // of Links; may be nil
	Part     func(name string)             `json:"-"`        // called as each part of the run begins; may be nil
}

// LinksResult is what came out.
type LinksResult struct {
	Settings   Links       `json:"settings"`
	OpenRate   float64     `json:"links_per_second"` // while opening
	Opened     Latency     `json:"opened"`           // from the dial to the welcome
	OpenWindow Window      `json:"open_window"`
	OpenCPU    float64     `json:"open_server_cpu_seconds_per_million"`
	Before     LinksMemory `json:"memory_before"`
	Open       LinksMemory `json:"memory_open"`
	After      LinksMemory `json:"memory_after"`
	RSSEach    float64     `json:"rss_bytes_per_link"`
	HeapEach   float64     `json:"heap_bytes_per_link"`
	StackEach  float64     `json:"stack_bytes_per_link"`
	IdleWindow Window      `json:"idle_window"`
	Pings      uint64      `json:"pings"`       // answered in it
	IdleCPU    float64     `json:"idle_server"` // CPU-seconds a second
	Command    Latency     `json:"command"`     // of the others, while all links are open
	DropTime   float64     `json:"drop_seconds"`
	Verified   bool        `json:"verified"` // every link was open until it was dropped, and none is left
}

// LinksMemory is what the server holds, in bytes, after its garbage was collected. 0 is not known.
type LinksMemory struct {
	RSS   int64 `json:"rss_bytes"`
	Heap  int64 `json:"heap_bytes"`  // of live objects
	Stack int64 `json:"stack_bytes"` // of goroutines
}

func (l Links) withDefaults() Links {
	fill(&l.Links, 50_000)
	fill(&l.Entities, 1000)
	fill(&l.AtOnce, 64)
	fill(&l.Others, 50)
	fill(&l.Rate, 500)
	fill(&l.Idle, 30*time.Second)
	fill(&l.For, 5*time.Second)
	fill(&l.Settle, 15*time.Second)
	return l
}

// Run opens the links and returns what came out. It returns an error when a link broke.
func (l Links) Run(ctx context.Context) (*LinksResult, error) {
	l = l.withDefaults()
	run := linksRun{Links: l, name: rand.Text()[:8], res: &LinksResult{Settings: l}, crew: newCrew(), took: newRecorder()}
	run.all = make([]*link, l.Links)
	err := run.measure(ctx)
	if dropped := run.drop(); err == nil {
		err = dropped
	}
	if err != nil {
		return nil, err
	}
	return run.res, run.forget(ctx)
}
