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

// partProfiler keeps profiles of the tool's own node for each part of a run whose parts take as long as they take: one of the
// CPU for each second that begins in the part, and the last one of the heap.
type partProfiler struct {
	node *workNode
	dir  string // empty: no profiles

	mu   sync.Mutex // guards part
	part string
}

var errNoPart = errors.New("no part of the run has begun")

// mostKept is how many seconds of a part are kept; the last one takes the place of the one before then.
const mostKept = 60

// begin says that a part of the run begins.
func (p *partProfiler) begin(part string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.part = part
}

func (p *partProfiler) current() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.part
}

// run keeps profiles until ctx is done.
func (p *partProfiler) run(ctx context.Context) error {
	if p.dir == "" {
		return nil
	}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return fmt.Errorf("keep profiles: %w", err)
	}
	seconds := make(map[string]int) // by part
	for ctx.Err() == nil {
		part := p.current()
		var cpu []byte
		err := errNoPart
		if part != "" {
			cpu, err = p.get(ctx, "profile?seconds=1")
		}
		if err != nil { // a second to whose end the node does not live, or in which it does not serve yet, is left out
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
			continue
		}
		seconds[part] = min(seconds[part]+1, mostKept)
		err = p.keep(fmt.Sprintf("%s-cpu-%d.pprof", part, seconds[part]), cpu)
		if heap, failed := p.get(ctx, "heap"); failed == nil {
			err = errors.Join(err, p.keep(part+"-heap.pprof", heap))
		}
		if err != nil {
			return fmt.Errorf("keep profiles: %w", err)
		}
	}
	return nil
}

func (p *partProfiler) keep(name string, profile []byte) error {
	return os.WriteFile(filepath.Join(p.dir, name), profile, 0o644)
}

func (p *partProfiler) get(ctx context.Context, what string) ([]byte, error) {
	res, err := p.node.ask(ctx, "/debug/pprof/"+what)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(res.Body)
}
