package main

import (
	"context"
	"errors"
	"path/filepath"
	"sync"

	"github.com/tutti-rt/tutti/internal/faults"
	"github.com/tutti-rt/tutti/node"
)

// faultsFile is where a node with --faults finds them.
const faultsFile = "faults.json"

// serveWithFaults runs the node on a disk and by a clock that have faults.
func serveWithFaults(ctx context.Context, c node.Config) (err error) {
	f := faults.New(nil)
	file := filepath.Join(c.Data, faultsFile)
	if err := f.Load(file); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var following sync.WaitGroup
	defer following.Wait()
	defer cancel(nil)
	following.Go(func() {
		if err := f.Follow(ctx, file); err != nil {
			cancel(err)
		}
	})
	c.Disk.FS, c.Clock = f, f.Now
	err = serveNode(ctx, c)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = errors.Join(cause, err)
	}
	return err
}
