package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// profiler gets profiles of the tool's own node over its operator's address.
type profiler struct {
	node        *workNode
	dir         string // empty: no profiles
	warmup, run time.Duration
	began       bool
	taking      sync.WaitGroup
	err         error // of the CPU profile, once taking is done
}

func newProfiler(n *workNode, dir string, warmup, run time.Duration) *profiler {
	return &profiler{node: n, dir: dir, warmup: warmup, run: run}
}

// at begins the CPU profile once the warm-up has passed. It is called from one goroutine.
func (p *profiler) at(ctx context.Context, passed time.Duration) {
	if p.dir == "" || p.began || passed < p.warmup {
		return
	}
	p.began = true
	p.taking.Go(func() {
		p.err = p.save(ctx, fmt.Sprintf("profile?seconds=%d", max(1, int(p.run.Seconds()))), "cpu.pprof")
	})
}

// finish waits for the CPU profile and gets one of the heap.
func (p *profiler) finish(ctx context.Context) error {
	if p.dir == "" {
		return nil
	}
	p.taking.Wait()
	return errors.Join(p.err, p.save(ctx, "heap", "heap.pprof"))
}

func (p *profiler) save(ctx context.Context, what, name string) error {
	res, err := p.node.ask(ctx, "/debug/pprof/"+what)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return fmt.Errorf("keep profile: %w", err)
	}
	f, err := os.Create(filepath.Join(p.dir, name))
	if err != nil {
		return fmt.Errorf("keep profile: %w", err)
	}
	_, err = io.Copy(f, res.Body)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("keep profile: %w", err)
	}
	return nil
}
