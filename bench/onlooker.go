package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// onlooker is a viewer among the bystanders. When its link breaks, and that is allowed, it comes back with its cursor.
type onlooker struct {
	viewer
	crowd *crowd
	conn  string
	epoch string // of its cursor

	mu sync.Mutex // guards viewer.link
}

func newOnlooker(c *crowd, number int) *onlooker {
	o := &onlooker{viewer: viewer{number: number}, crowd: c, conn: fmt.Sprintf("bench-%s-onlooker-%d", c.name, number)}
	o.seen = o.see
	return o
}

// see notes how long a paint took from when it was due.
func (o *onlooker) see(_ uint64, data []byte, at time.Time) {
	var xy [2]uint64
	if !numbers(data, xy[:]) {
		return
	}
	o.crowd.record(&o.crowd.events, o.number, o.crowd.paints[(xy[0]|xy[1]<<8)%crowdPaints].Load(), at)
}

// connect brings a link, from the cursor on if there is one.
func (o *onlooker) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	cursor := ""
	if o.epoch != "" {
		cursor = wire.Cursor{Epoch: o.epoch, Revision: o.rev.Load()}.String()
	}
	l, welcome, err := dialFrom(ctx, o.crowd.target, o.crowd.board(), fmt.Sprintf("onlooker-%d", o.number), o.conn, true, cursor)
	if err != nil {
		return fmt.Errorf("onlooker %d: %w", o.number, err)
	}
	if last := o.rev.Load(); !welcome.Resumed && welcome.Revision > last {
		o.conflated.Add(welcome.Revision - last)
		o.rev.Store(welcome.Revision)
	}
	o.epoch = welcome.Epoch
	o.mu.Lock()
	defer o.mu.Unlock()
	o.link = l
	return nil
}

func (o *onlooker) current() *link {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.link
}

func (o *onlooker) close() {
	if l := o.current(); l != nil {
		l.close()
	}
}

// follow reads until the crowd ends.
func (o *onlooker) follow(ctx context.Context) error {
	for {
		err := o.current().read(o.take)
		switch {
		case o.crowd.ending.Load():
			return nil
		case err == nil:
			continue
		case !o.crowd.breaks:
			return fmt.Errorf("onlooker %d: %w", o.number, err)
		}
		o.close()
		if err := o.crowd.comeBack(ctx, o.connect); err != nil {
			return err
		}
	}
}
