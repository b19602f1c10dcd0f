package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/tutti-rt/tutti/bench"
	"github.com/tutti-rt/tutti/internal/process"
)

// server is one of those that are measured.
type server struct {
	name     string
	packaged string // the npm package
	version  string
	durable  bool // an answer means that it is stored
	roles    []bench.Role
	remarks  map[bench.Role]string
	dir      string // for the data of its processes
	command  func(address, data string) process.Config
	peer     func(address string) *bench.Peer
}

// running is a server's process.
type running struct {
	node   *process.Node
	peer   *bench.Peer
	data   string
	output *tail
}

// start runs the server with a new data directory. The caller ends it.
func (s *server) start(ctx context.Context) (_ *running, err error) {
	address, err := process.FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	r := &running{peer: s.peer(address), output: &tail{}}
	if r.data, err = os.MkdirTemp(s.dir, "server-*"); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	c := s.command(address, r.data)
	c.Output, c.Address = r.output, address
	if r.node, err = process.Start(ctx, c); err != nil {
		return nil, errors.Join(fmt.Errorf("%w\n%s", err, r.output), os.RemoveAll(r.data))
	}
	return r, nil
}

// end kills the process: there is nothing in it that anybody still wants.
func (r *running) end() error { return errors.Join(r.node.Kill(), os.RemoveAll(r.data)) }

// usage returns what the process and those that it started use.
func (r *running) usage() (process.Usage, error) { return usageOfTree(r.node.PID()) }

func usageOfTree(pid int) (process.Usage, error) {
	sum, err := process.UsageOf(pid)
	if err != nil {
		return sum, err
	}
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is right
	for _, name := range threads {
		children, _ := os.ReadFile(name) // a thread that has ended has none
		for _, c := range bytes.Fields(children) {
			child, _ := strconv.Atoi(string(c)) // the kernel writes numbers
			if u, err := usageOfTree(child); err == nil {
				sum.CPU += u.CPU
				sum.RSS += u.RSS
				sum.PeakRSS += u.PeakRSS
			}
		}
	}
	return sum, nil
}

// tail keeps the end of what a process prints.
type tail struct {
	mu  sync.Mutex
	end []byte
}

const maxTail = 2000

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = append(t.end, p...)
	if len(t.end) > 2*maxTail {
		t.end = append(t.end[:0], t.end[len(t.end)-maxTail:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.end[max(0, len(t.end)-maxTail):])
}
