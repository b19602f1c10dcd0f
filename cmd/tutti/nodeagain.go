package main

import (
	"context"
	"fmt"

	"github.com/tutti-rt/tutti/internal/process"
)

// again kills the tool's own node, unless it has ended, and starts it with the same data.
func (n *workNode) again(ctx context.Context) error {
	if err := n.own.Kill(); err != nil {
		return err
	}
	started, err := process.Start(ctx, n.config)
	if err != nil {
		return fmt.Errorf("restart: %w\n%s", err, n.output)
	}
	n.own = started
	return nil
}
