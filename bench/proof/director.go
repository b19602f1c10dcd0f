package proof

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tutti-rt/tutti/internal/faults"
	"github.com/tutti-rt/tutti/internal/netlab"
)

// director takes steps, one after the other.
type director struct{ *run }

// storm is what rain does to packets.
var storm = netlab.Weather{Delay: 5 * time.Millisecond, Jitter: 4 * time.Millisecond, Loss: 0.01, Duplicate: 0.01, Reorder: 0.05}

// stopTime is how long a node may take to end when it is asked.
const stopTime = 30 * time.Second

// take waits as the step says, has it happen, and makes all well again.
func (d *director) take(ctx context.Context, s Step) error {
	member := traits[s.Kind].member
	if member || d.config.EachEven {
		if err := d.well(ctx, d.config.EachEven); err != nil {
			return err
		}
	}
	if err := wait(ctx, s.After); err != nil {
		return err
	}
	d.watch.ask(ctx)
	f := fault{step: s, led: d.watch.led(d.touched(s))}
	d.tell(fmt.Sprintf("%s (%d partitions)", s, len(f.led)))
	f.begin = d.recorder.Now()
	err := d.happen(ctx, s)
	if member && err == nil {
		err = d.well(ctx, false)
	}
	f.end = d.recorder.Now()
	d.mu.Lock()
	d.faults = append(d.faults, f)
	d.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w", s, err)
	}
	return nil
}

// touched returns the nodes that the step is about.
func (d *director) touched(s Step) []int {
	if traits[s.Kind].nodes > 0 {
		return s.Nodes
	}
	var all []int
	for i := range d.nodes() {
		all = append(all, i+1)
	}
	return all
}

func (d *director) happen(ctx context.Context, s Step) error {
	switch s.Kind {
	case Roll:
		return d.roll(ctx)
	case Layout:
		return d.layout(ctx, s)
	case Remove, LostDisk:
		return d.replace(ctx, s)
	case Leave:
		return d.leave(ctx, s)
	}
	at := s.Nodes[0]
	n, lab := d.config.Nodes[at-1], d.config.Network
	last := func(err error, undo func() error) error {
		return errors.Join(err, wait(ctx, s.For), undo())
	}
	heal := func() error {
		lab.Heal(at)
		lab.Set(at, netlab.Weather{})
		return nil
	}
	switch s.Kind {
	case Kill, KillPair:
		return last(d.each(s, Node.Kill), func() error { return d.each(s, func(n Node) error { return n.Start(ctx) }) })
	case Stop, StopPair:
		return last(d.each(s, Node.Pause), func() error { return d.each(s, Node.Resume) })
	case Drain:
		d.stop(ctx, n, at)
		return last(nil, func() error { return n.Start(ctx) })
	case Join:
		return d.join(ctx, n, at)
	case Slow:
		return last(n.Fail(faults.Settings{SyncDelay: s.By}), func() error { return n.Fail(faults.Settings{}) })
	case Skew:
		return last(n.Fail(faults.Settings{Clock: s.By}), func() error { return n.Fail(faults.Settings{}) })
	case Cut:
		lab.CutOff(at)
	case CutIn:
		lab.CutIn(at)
	case CutOut:
		lab.CutOut(at)
	case CutPair:
		lab.CutPair(at, s.Nodes[1])
	case CutWay:
		lab.CutOneWay(at, s.Nodes[1])
	case Rain:
		lab.Set(at, storm)
	}
	return last(nil, heal)
}

// each does something to all nodes of a step.
func (d *director) each(s Step, do func(Node) error) error {
	var errs []error
	for _, n := range s.Nodes {
		errs = append(errs, do(d.config.Nodes[n-1]))
	}
	return errors.Join(errs...)
}

// stop asks a node to end. One that does not has to be killed, which is a trouble.
func (d *director) stop(ctx context.Context, n Node, at int) {
	patience, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	if err := n.Stop(patience); err != nil {
		d.trouble(fmt.Sprintf("node n%d", at), "a node ends when it is asked", err.Error())
	}
}

// roll has every node end and start again, each once all is well.
func (d *director) roll(ctx context.Context) error {
	for i, n := range d.nodes() {
		d.stop(ctx, n, i+1)
		if err := n.Start(ctx); err != nil {
			return err
		}
		if err := d.well(ctx, false); err != nil {
			return err
		}
	}
	return nil
}

// join starts the next node that has not been started.
func (d *director) join(ctx context.Context, n Node, at int) error {
	d.mu.Lock()
	next := d.running + 1
	d.mu.Unlock()
	if at != next {
		return fmt.Errorf("%w: the next to join is n%d", ErrStep, next)
	}
	if err := n.Start(ctx); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running = at
	return nil
}
