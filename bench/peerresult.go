package bench

import (
	"context"
	"runtime"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/tutti-rt/tutti/internal/process"
)

// PeerLoad is what all loads of a peer have in common. Zero fields mean the defaults named there.
type PeerLoad struct {
	Peer   *Peer                         `json:"-"`
	Warmup time.Duration                 `json:"-"` // default 1 s
	For    time.Duration                 `json:"-"` // default 4 s
	Usage  func() (process.Usage, error) `json:"-"` // of the server; may be nil
}

func (l PeerLoad) withDefaults() PeerLoad {
	fill(&l.Warmup, time.Second)
	fill(&l.For, 4*time.Second)
	return l
}

// measure opens and shuts the phase, unless something fails before.
func (l PeerLoad) measure(ctx context.Context, p *phase, failed <-chan struct{}) Window {
	wait(ctx, l.Warmup, failed, nil)
	w := openWindow(l.Usage)
	p.open()
	wait(ctx, l.For, failed, nil)
	p.shut()
	return w.close(runtime.GOMAXPROCS(0))
}

// PeerResult is what came out of a load.
type PeerResult struct {
	Window        Window  `json:"window"`
	Wanted        uint64  `json:"wanted,omitempty"` // operations due while measuring; none in a closed loop
	Done          uint64  `json:"done"`             // operations that ended while measuring
	PerSecond     float64 `json:"per_second"`
	Share         float64 `json:"share,omitempty"` // of Wanted
	Overdue       uint64  `json:"overdue"`         // due but not there when measuring ended; they count with their age then
	Skipped       uint64  `json:"skipped"`         // never came, though later ones did
	Latency       Latency `json:"latency"`
	CPUPerMillion float64 `json:"server_cpu_seconds_per_million"`
	LinkBytes     int64   `json:"rss_bytes_per_idle_link,omitempty"`
}

// finish fills in what follows from the other fields.
func (r *PeerResult) finish(took *recorder) {
	r.PerSecond = float64(r.Done) / r.Window.Seconds
	if r.Wanted > 0 {
		r.Share = min(1, float64(r.Done)/float64(r.Wanted))
	}
	r.Latency = took.latency()
	r.CPUPerMillion = perMillion(r.Window.ServerCPU, r.Done)
}

// addMany records n durations of the same length.
func (r *recorder) addMany(d time.Duration, n int64) {
	s := &r.shards[0]
	s.mu.Lock()
	defer s.mu.Unlock()
	recordMany(s.h, d, n)
}

func recordMany(h *hdrhistogram.Histogram, d time.Duration, n int64) {
	_ = h.RecordValues(max(1, min(d.Microseconds(), maxLatency.Microseconds())), n) // within its bounds
}
