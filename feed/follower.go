package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

// errLeft ends a follower whose consumer wants no more.
var errLeft = errors.New("left")

// follower reads one log for one consumer, on the consumer's goroutine.
type follower struct {
	replica journal.Reader
	filter  Filter
	config  LocalConfig
	yield   func(Page) bool

	at    Cursor // the place behind what was read
	skip  int    // events of the next batch that are before the place where the follower began
	since Cursor // the place behind the last page
	shown time.Time
	items []Item
	bytes int
}

// run yields pages until the consumer leaves or ctx is done.
func (w *follower) run(ctx context.Context) error {
	if err := w.show(w.at); err != nil {
		return err
	}
	first := true
	for {
		if w.replica.End() > w.at.Offset {
			if err := w.pass(ctx, first); err != nil {
				return err
			}
		}
		first = false
		if err := w.wait(ctx); err != nil {
			return err
		}
	}
}

// pass reads the log up to where it ends now. The first pass ends with a page, the others if there is something in it.
func (w *follower) pass(ctx context.Context, first bool) error {
	for b, err := range w.replica.Read(ctx, w.at.Offset) {
		if err != nil {
			return err
		}
		if err := w.batch(b); err != nil {
			return err
		}
		if time.Since(w.shown) >= w.config.Heartbeat { // nothing of a long stretch is wanted
			if err := w.show(w.at); err != nil {
				return err
			}
		}
	}
	if first || len(w.items) > 0 {
		return w.show(w.at)
	}
	return nil
}

// wait returns when there is more, with a page in between every heartbeat.
func (w *follower) wait(ctx context.Context) error {
	for {
		beat, done := context.WithTimeout(ctx, max(0, w.config.Heartbeat-time.Since(w.shown)))
		err := w.replica.Wait(beat, w.at.Offset)
		late := beat.Err() != nil
		done()
		if err == nil || ctx.Err() != nil || !late {
			return err
		}
		if err := w.show(w.at); err != nil {
			return err
		}
	}
}

// batch adds what is wanted of b.
func (w *follower) batch(b journal.Stored) error {
	total := 0
	for i := range b.Records {
		total += len(b.Records[i].Events)
	}
	if w.skip > 0 && w.skip >= total {
		return fmt.Errorf("%w: behind %d events of the batch at offset %d, which has %d", ErrCursor, w.skip, b.Offset, total)
	}
	before, n := w.at, 0
	end := before
	end.Offset, end.Index = b.Offset, 0
	for i := range b.Records {
		r := &b.Records[i]
		if n+len(r.Events) <= w.skip || !w.filter.entity(r.Entity) {
			n += len(r.Events)
			continue
		}
		for j := range r.Events {
			n++
			if n <= w.skip || !w.filter.event(r.Events[j].Name) {
				continue
			}
			place := before
			place.Index = n
			if n == total {
				place = end
			}
			if err := w.add(r, j, place); err != nil {
				return err
			}
		}
	}
	w.at, w.skip = end, 0
	return nil
}

// add adds event i of r, and shows the page when it is full.
func (w *follower) add(r *journal.Record, i int, at Cursor) error {
	e := &r.Events[i]
	w.items = append(w.items, Item{
		Entity: r.Entity, Revision: r.RevisionOf(i), Name: e.Name, Data: e.Data, At: time.UnixMilli(r.At).UTC(), By: r.By, Command: r.Command, Cursor: at,
	})
	w.bytes += len(e.Data)
	if len(w.items) < w.config.PageItems && w.bytes < w.config.PageBytes {
		return nil
	}
	return w.show(at)
}

// show hands over what there is, up to the place given.
func (w *follower) show(to Cursor) error {
	page := Page{Items: w.items, After: w.since, Cursor: to}
	if end := w.replica.End(); end > to.Offset {
		page.Behind = uint64(end - to.Offset)
	}
	w.items, w.bytes, w.since = nil, 0, to
	if len(page.Items) > 0 && page.Behind > 0 {
		w.items = make([]Item, 0, len(page.Items)) // the next page is like this one
	}
	if !w.yield(page) {
		return errLeft
	}
	w.shown = time.Now()
	return nil
}
