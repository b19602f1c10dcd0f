package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/feed"
)

// eventPrinter prints the events of some partitions.
type eventPrinter struct {
	out  io.Writer
	json bool
	wait time.Duration // after the last event; negative: for ever
	ends feed.Cursors  // where the logs ended in the beginning

	mu     sync.Mutex   // guards what follows, and out
	at     feed.Cursors // behind what is printed
	behind int          // partitions that have not come to their ends yet
	rest   *time.Timer  // nil while some are behind
}

// errPrinted ends the printer when there is no more.
var errPrinted = errors.New("all is printed")

// run prints what comes until ctx is done, all is printed, or a partition cannot be followed.
func (p *eventPrinter) run(ctx context.Context, s feed.Source, f feed.Filter) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for i := range p.ends {
		all.Go(func() {
			if err := p.follow(ctx, s, f, i, cancel); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	if p.rest != nil {
		p.rest.Stop()
	}
	switch err := context.Cause(ctx); {
	case errors.Is(err, errPrinted), errors.Is(err, context.Canceled):
		return nil
	default:
		return err
	}
}

// follow prints what one partition has. It returns nil when ctx is done.
func (p *eventPrinter) follow(ctx context.Context, s feed.Source, f feed.Filter, i int, cancel context.CancelCauseFunc) error {
	behind := true
	for page, err := range s.Pages(ctx, p.ends[i].Partition, p.at[i], f) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		caught := behind && page.Cursor.Offset >= p.ends[i].Offset
		behind = behind && !caught
		if err := p.page(page, i, caught, cancel); err != nil {
			return err
		}
	}
	return nil
}

// page prints a page, and ends everything when there is no more to come.
func (p *eventPrinter) page(page feed.Page, i int, caught bool, cancel context.CancelCauseFunc) error {
	var text bytes.Buffer
	for _, item := range page.Items {
		if err := p.print(&text, item); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.out.Write(text.Bytes()); err != nil {
		return err
	}
	p.at[i] = page.Cursor
	if caught {
		p.behind--
	}
	switch {
	case p.wait < 0 || p.behind > 0:
	case p.wait == 0:
		cancel(errPrinted)
	case p.rest == nil:
		p.rest = time.AfterFunc(p.wait, func() { cancel(errPrinted) })
	case len(page.Items) > 0:
		p.rest.Reset(p.wait)
	}
	return nil
}

func (p *eventPrinter) print(out *bytes.Buffer, item feed.Item) error {
	if p.json {
		text, err := json.Marshal(item)
		out.Write(text)
		out.WriteByte('\n')
		return err
	}
	data := item.Data
	if !json.Valid(data) {
		data = fmt.Appendf(nil, "%q", data)
	}
	fmt.Fprintf(out, "%s %s/%s %d %s %s", item.At.Format("2006-01-02T15:04:05.000Z"), item.Entity.Category, item.Entity.ID, item.Revision, item.Name, data)
	if item.By != "" {
		fmt.Fprintf(out, " by %s", item.By)
	}
	out.WriteByte('\n')
	return nil
}
