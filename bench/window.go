package bench

import (
	"context"
	"os"
	"time"

	"github.com/tutti-rt/tutti/internal/process"
)

// Window is what both processes used while a run was measured.
type Window struct {
	Seconds      float64 `json:"seconds"`
	ServerCPU    float64 `json:"server_cpu_seconds"`    // 0 where it is not known
	GeneratorCPU float64 `json:"generator_cpu_seconds"` // of this process
	ServerRSS    int64   `json:"server_rss_bytes"`      // at its end
	ServerPeak   int64   `json:"server_peak_rss_bytes"`
	// How long threads waited for a core, all together: of the server and of this process.
	ServerWaited    float64 `json:"server_waited_seconds"`
	GeneratorWaited float64 `json:"generator_waited_seconds"`
	// GeneratorBound says that the generator used up the machine rather than the server, so that the
	// figures say more about it than about the server.
	GeneratorBound bool `json:"generator_bound"`
}

// window measures one stretch of time.
type window struct {
	began             time.Time
	server, generator process.Usage
	usage             func() (process.Usage, error)
}

// openWindow begins measuring. A nil usage is a server whose usage is not known.
func openWindow(usage func() (process.Usage, error)) *window {
	if usage == nil {
		usage = func() (process.Usage, error) { return process.Usage{}, process.ErrNoUsage }
	}
	w := &window{usage: usage}
	w.server, _ = usage() // unknown is zero
	w.generator, _ = process.UsageOf(os.Getpid())
	w.began = time.Now()
	return w
}

// close ends measuring.
func (w *window) close(cores int) Window {
	r := Window{Seconds: time.Since(w.began).Seconds()}
	if u, err := w.usage(); err == nil {
		r.ServerCPU = (u.CPU - w.server.CPU).Seconds()
		r.ServerRSS, r.ServerPeak = u.RSS, u.PeakRSS
		r.ServerWaited = max(0, u.Waited-w.server.Waited).Seconds()
	}
	if u, err := process.UsageOf(os.Getpid()); err == nil {
		r.GeneratorCPU = (u.CPU - w.generator.CPU).Seconds()
		r.GeneratorWaited = max(0, u.Waited-w.generator.Waited).Seconds()
	}
	busy := (r.ServerCPU + r.GeneratorCPU) / r.Seconds / float64(cores)
	r.GeneratorBound = busy > 0.85 && r.GeneratorCPU > r.ServerCPU
	return r
}

// perMillion scales CPU seconds to a million operations.
func perMillion(seconds float64, operations uint64) float64 {
	if operations == 0 {
		return 0
	}
	return seconds / float64(operations) * 1e6
}

// wait waits for d, telling progress how much of it has passed, and returns early when ctx is done
// or failed is closed.
func wait(ctx context.Context, d time.Duration, failed <-chan struct{}, progress func(passed time.Duration)) {
	began := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		passed := time.Since(began)
		if progress != nil {
			progress(min(passed, d))
		}
		if passed >= d {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-failed:
			return
		case <-tick.C:
		}
	}
}
