package node

import (
	"context"
	"errors"
	"fmt"
)

// task is a component that runs on a goroutine of its own until it is stopped.
type task struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // read after done
}

// launch starts run. When it ends before it was stopped, failed is told.
func launch(ctx context.Context, name string, run func(context.Context) error, failed func(error)) *task {
	ctx, cancel := context.WithCancel(ctx)
	t := &task{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		err := run(ctx)
		switch {
		case ctx.Err() == nil && err == nil:
			failed(fmt.Errorf("%s ended by itself", name))
		case ctx.Err() == nil:
			failed(fmt.Errorf("run %s: %w", name, err))
		case err != nil && !errors.Is(err, context.Canceled):
			t.err = fmt.Errorf("stop %s: %w", name, err)
		}
	}()
	return t
}

// stop ends the component and waits for it. It returns what went wrong while it ended.
func (t *task) stop() error {
	t.cancel()
	<-t.done
	return t.err
}
