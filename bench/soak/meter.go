package soak

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/internal/process"
)

// meter samples what the node uses. Each process after a kill begins anew.
type meter struct {
	world *world

	mu      sync.Mutex
	pid     int
	cpu     time.Duration // of the present process
	before  time.Duration // of those before
	peak    int64
	samples []sample
	disk    []onDisk
}

// sample is the node's memory at one time.
type sample struct {
	at  time.Duration // since the run began
	rss int64
}

// onDisk is the size of the data directory at one time.
type onDisk struct {
	at    time.Duration
	bytes int64
}

// run samples each second until ctx is done.
func (m *meter) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := 0; ; n++ {
		m.sample()
		if n%10 == 0 {
			m.weigh()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sample notes what the process uses just now. Where systems do not tell, nothing is noted.
func (m *meter) sample() {
	pid := int(m.world.pid.Load())
	u, err := process.UsageOf(pid)
	if err != nil || u.RSS == 0 {
		return // it is gone, or going
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if pid != m.pid {
		m.before += m.cpu
		m.pid, m.cpu = pid, 0
	}
	m.cpu = max(m.cpu, u.CPU)
	m.peak = max(m.peak, u.PeakRSS)
	m.samples = append(m.samples, sample{time.Since(m.world.began), u.RSS})
}

// weigh notes the size of the data directory. Files that go meanwhile do not count.
func (m *meter) weigh() {
	size := directorySize(m.world.config.Data)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.disk = append(m.disk, onDisk{time.Since(m.world.began), size})
}

func directorySize(dir string) (size int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			size += info.Size()
		}
		return nil
	})
	return size
}

// openFiles returns how many files the process has open, and how many of them are sockets; 0 where systems do not tell.
func openFiles(pid int) (files, sockets int) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, 0
	}
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && strings.HasPrefix(to, "socket:") {
			sockets++
		}
	}
	return len(entries), sockets
}

// Memory is how the node's resident memory went.
type Memory struct {
	FirstQuarter int64   `json:"first_quarter_bytes"` // mean
	LastQuarter  int64   `json:"last_quarter_bytes"`
	PerHour      float64 `json:"bytes_per_hour"` // slope of the line through all samples
	Peak         int64   `json:"peak_bytes"`
}

// memory sums the samples up.
func (m *meter) memory() Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := Memory{Peak: m.peak}
	n := len(m.samples)
	if n < 4 {
		return r
	}
	mean := func(part []sample) int64 {
		var sum int64
		for _, s := range part {
			sum += s.rss
		}
		return sum / int64(len(part))
	}
	r.FirstQuarter, r.LastQuarter = mean(m.samples[:n/4]), mean(m.samples[n-n/4:])
	r.PerHour = slope(m.samples)
	return r
}

// slope is that of the line with the least squares, in bytes an hour.
func slope(all []sample) float64 {
	var x, y, xx, xy float64
	for _, s := range all {
		h, b := s.at.Hours(), float64(s.rss)
		x, y, xx, xy = x+h, y+b, xx+h*h, xy+h*b
	}
	n := float64(len(all))
	if d := n*xx - x*x; d > 0 {
		return (n*xy - x*y) / d
	}
	return 0
}

// seconds returns the CPU time of all processes so far.
func (m *meter) seconds() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return (m.before + m.cpu).Seconds()
}

// Disk is how the data directory went.
type Disk struct {
	Half  int64 `json:"half_bytes"` // half way through
	End   int64 `json:"end_bytes"`
	Notes int64 `json:"notes_bytes"` // of what clients were told
}

func (m *meter) size() Disk {
	m.weigh()
	m.mu.Lock()
	defer m.mu.Unlock()
	half := time.Since(m.world.began) / 2
	d := Disk{End: m.disk[len(m.disk)-1].bytes, Notes: directorySize(m.world.config.Notes)}
	for _, s := range m.disk {
		if s.at <= half {
			d.Half = s.bytes
		}
	}
	return d
}
