package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tutti-rt/tutti/internal/faults"
)

// diskScenarios are those of a disk that is slow, fails, or is full.
func diskScenarios() []Scenario {
	faulty := []string{"--faults"}
	return []Scenario{
		{Name: "fsync-slow", What: "each sync of the journal takes 2 s longer, after 32 MB have been written", Node: faulty, Run: abuseSlowSync},
		{Name: "fsync-fails", What: "a sync of the journal fails, and what was not synced is gone", Node: faulty, Breaks: true, Run: abuseFailingSync},
		{Name: "disk-full", What: "the journal has room for 16 MB more", Node: faulty, Breaks: true, Run: abuseFullDisk},
		{
			Name: "disk-small", What: "the journal is on a file system of 64 MB of its own, which others fill up (needs the right to mount)",
			Small: 64 << 20, Breaks: true, Run: abuseSmallDisk,
		},
	}
}

func abuseSlowSync(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	idle, err := openHazard(ctx, e.Target, "idle")
	if err != nil {
		return nil, err
	}
	defer idle.close()
	if err := idle.expect(ctx, "", "work", `{}`); err != nil {
		return nil, err
	}
	// The journal's first log files are small, and each new one costs syncs of its own.
	if err := e.write(ctx, int64(e.Number(32<<20))); err != nil {
		return nil, err
	}
	delay := min(2*time.Second, e.For/4)
	if err := e.Node.Faults(faults.Settings{SyncDelay: delay}); err != nil {
		return nil, err
	}
	queries, commands := newRecorder(), newRecorder()
	for until := time.Now().Add(e.For); time.Now().Before(until); {
		began := time.Now()
		if err := idle.verify(ctx); err != nil {
			return nil, err
		}
		queries.add(0, time.Since(began))
		if err := pause(ctx, delay/10); err != nil {
			return nil, err
		}
		began = time.Now()
		if err := idle.expect(ctx, "", "work", `{}`); err != nil {
			return nil, err
		}
		commands.add(0, time.Since(began))
	}
	q, c := queries.latency(), commands.latency()
	figures := []Figure{
		{Name: "p50 of a command alone at its entity", Value: float64(c.P50) / 1e3, Unit: "ms"},
		{Name: "p50 of a query", Value: float64(q.P50) / 1e3, Unit: "ms"},
	}
	if c.P50 < delay.Microseconds() {
		return figures, fmt.Errorf("commands were answered within %d ms, before their sync was over", c.P50/1000)
	}
	return figures, e.Node.Faults(faults.Settings{})
}

// stopTime is how long a node may take to end itself.
const stopTime = 15 * time.Second

// brokenDown waits until the node has ended itself, and looks whether it has said why.
func (e *AbuseEnv) brokenDown(ctx context.Context, why ...string) error {
	limit := time.NewTimer(stopTime)
	defer limit.Stop()
	p := e.Node.Process()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-limit.C:
		return fmt.Errorf("the node goes on, %s after its disk has failed", stopTime)
	case <-p.Ended():
	}
	if code := p.ExitCode(); code < 1 {
		return fmt.Errorf("the node ended with exit status %d, want one that says that something is wrong", code)
	}
	for _, text := range why {
		if out := e.Node.Output(); !strings.Contains(out, text) {
			return fmt.Errorf("the node ended and does not say %q but\n%s", text, out)
		}
	}
	return nil
}

func abuseFailingSync(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	h, err := openHazard(ctx, e.Target, "unlucky")
	if err != nil {
		return nil, err
	}
	defer h.close()
	sending := newCrew()
	enough, stop := context.WithCancel(ctx)
	defer stop()
	sending.add(func() error {
		for enough.Err() == nil { // each to its end, so that what was acknowledged is known
			if err := h.serve(ctx, "work", `{"ballast":"some bytes"}`); err != nil {
				return err
			}
		}
		return nil
	})
	if err := pause(ctx, e.For/4); err != nil {
		return nil, err
	}
	if err := e.Node.Faults(faults.Settings{SyncFails: true}); err != nil {
		return nil, err
	}
	failed := time.Now()
	if err := e.brokenDown(ctx, "journal stopped", "input/output error"); err != nil {
		return nil, err
	}
	ended := time.Since(failed)
	back, err := e.recover(ctx)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, e.For/4); err != nil {
		return nil, err
	}
	stop()
	if err := sending.wait(); err != nil {
		return nil, err
	}
	return []Figure{lasted("until the process had ended, with an error", ended), back}, h.verify(ctx)
}

// recover starts the node again, its disk in order.
func (e *AbuseEnv) recover(ctx context.Context) (Figure, error) {
	if e.Node.Faults != nil {
		if err := e.Node.Faults(faults.Settings{}); err != nil {
			return Figure{}, err
		}
	}
	began := time.Now()
	if err := e.Node.Restart(ctx); err != nil {
		return Figure{}, err
	}
	return lasted("from its start until it served again", time.Since(began)), nil
}

func lasted(what string, d time.Duration) Figure {
	return Figure{Name: what, Value: float64(d.Milliseconds()) / 1e3, Unit: "s"}
}

// ballastBytes is what a command that is to fill the disk brings.
const ballastBytes = 32 << 10

func ballast() string { return `{"ballast":"` + strings.Repeat("x", ballastBytes) + `"}` }

// write has so many bytes stored.
func (e *AbuseEnv) write(ctx context.Context, bytes int64) error {
	const writers = 8
	data := ballast()
	return each(writers, writers, func(i int) error {
		h, err := openHazard(ctx, e.Target, fmt.Sprintf("writer-%d", i))
		if err != nil {
			return err
		}
		defer h.close()
		for range bytes / writers / ballastBytes {
			if err := h.expect(ctx, "", "work", data); err != nil {
				return err
			}
		}
		return h.verify(ctx)
	})
}

// fill has links send commands with much to store, until enough is called. wait waits until the last ones are answered,
// and returns what is wrong.
func (e *AbuseEnv) fill(ctx context.Context) (enough func(), wait func() error, err error) {
	const fillers = 4
	data := ballast()
	hazards := make([]*hazard, fillers)
	for i := range hazards {
		if hazards[i], err = openHazard(ctx, e.Target, fmt.Sprintf("filler-%d", i)); err != nil {
			return nil, nil, err
		}
	}
	filled, enough := context.WithCancel(ctx)
	filling := newCrew()
	for _, h := range hazards {
		filling.add(func() error {
			defer h.close()
			for filled.Err() == nil { // see abuseFailingSync
				if err := h.serve(ctx, "work", data); err != nil {
					return err
				}
			}
			return h.verify(ctx)
		})
	}
	return enough, filling.wait, nil
}

const noSpace = "no space left on device"

func abuseFullDisk(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	full := faults.Settings{Full: true, Room: int64(e.Number(16 << 20))}
	return e.fullDisk(ctx, func() error { return e.Node.Faults(full) }, func() error {
		full.Room = 0 // so that it cannot start either
		return e.Node.Faults(full)
	}, func() error { return e.Node.Faults(faults.Settings{}) })
}

// abuseSmallDisk fills the file system up beside the node's data.
func abuseSmallDisk(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	file := filepath.Join(e.Node.Data, "others")
	crowded := func() error { return fillUp(file) }
	return e.fullDisk(ctx, crowded, crowded, func() error { return os.Remove(file) })
}

// fillUp makes the file longer until there is no room.
func fillUp(name string) (err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for size := 1 << 20; size > 0; {
		switch _, err := f.Write(make([]byte, size)); {
		case errors.Is(err, syscall.ENOSPC):
			size /= 2
		case err != nil:
			return err
		}
	}
	return nil
}

// fullDisk has the disk crowded until the node ends, the node fail to start while it is full, and start when there is
// room.
func (e *AbuseEnv) fullDisk(ctx context.Context, crowd, shut, clear func() error) ([]Figure, error) {
	enough, wait, err := e.fill(ctx)
	if err != nil {
		return nil, err
	}
	defer enough()
	if err := crowd(); err != nil {
		return nil, err
	}
	began := time.Now()
	select {
	case <-ctx.Done():
	case <-e.Node.Process().Ended():
	}
	if err := e.brokenDown(ctx, "journal stopped", noSpace); err != nil {
		return nil, err
	}
	ended := time.Since(began)
	enough()
	if err := shut(); err != nil {
		return nil, err
	}
	if err := e.Node.Restart(ctx); err == nil || !strings.Contains(err.Error(), noSpace) {
		return nil, fmt.Errorf("start on a full disk: %w, want an error that says %q", err, noSpace)
	}
	if err := clear(); err != nil {
		return nil, err
	}
	back, err := e.recover(ctx)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, e.For/4); err != nil {
		return nil, err
	}
	return []Figure{lasted("until the disk was full and the process had ended, with an error", ended), back}, wait()
}
