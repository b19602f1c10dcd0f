package feed

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

// Bounds of what a node sends.
const (
	maxLine      = 2 * journal.MaxBatchBytes // an event is smaller than a batch, and twice as large at most as text
	remoteItems  = 4096                      // of one page
	remoteBytes  = 8 << 20                   // after which a page has no further item
	maxRevisions = 4096                      // of entities that are remembered
)

var (
	errLost   = errors.New("the stream has ended")
	errSilent = errors.New("the node says nothing")
)

// pursuit follows one partition over one node after the other.
type pursuit struct {
	*Remote
	partition journal.Partition
	filter    Filter
	yield     func(Page) bool

	at     Cursor    // the place behind the last page
	shown  bool      // there was a page
	last   time.Time // when the last page came that was of use
	behind uint64
	known  map[journal.Entity]uint64 // revisions of the entities that were seen last, maxRevisions at most
}

// run follows until the consumer leaves, ctx is done, or no node will serve.
func (q *pursuit) run(ctx context.Context) error {
	first := q.partition.Number
	for failures := 0; ; first++ {
		t := q.tour(first)
		for {
			node, ok := t.next()
			if !ok {
				break
			}
			before, begun := q.at, time.Now()
			err := q.stream(ctx, node)
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(err, errLeft), lasting(err) && !errors.Is(err, ErrFuture):
				return err
			}
			t.failed(node, err)
			if time.Since(begun) > q.config.Backoff.Max {
				failures = 0
			}
			if q.at != before { // it did serve: all may be asked again
				failures = 0
				t = q.tour(first + len(t.asked))
			}
		}
		if !q.shown || time.Since(q.last) >= q.config.Patience {
			return t.unavailable()
		}
		failures++
		q.config.Backoff.wait(ctx, failures)
	}
}

// stream yields what one node sends, until that ends. It never returns nil.
func (q *pursuit) stream(ctx context.Context, node string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(q.config.Silence, func() { cancel(errSilent) })
	defer silence.Stop()
	body, err := q.get(ctx, node, eventsPath, values(q.partition, q.at.String(), q.filter, ""))
	if err != nil {
		return err
	}
	defer body.Close()
	in := newLines(body)
	begun := false
	for items, bytes := []Item(nil), 0; ; {
		silence.Reset(q.config.Silence)
		l, err := in.next()
		if err != nil {
			return err
		}
		silence.Stop()
		switch {
		case l.End != "":
			return q.refusal(http.StatusOK, &problem{Code: l.End, Detail: l.Detail})
		case l.Mark != "":
			var to Cursor
			if to, err = ParseCursor(l.Mark); err == nil {
				q.behind = l.Behind
				err = q.page(items, to, !begun)
			}
			begun, items, bytes = true, nil, 0
		case !begun:
			err = fmt.Errorf("%w: a stream begins without a mark", ErrDiscontinuous)
		default:
			var item Item
			if item, err = l.item(); err != nil {
				break
			}
			if items, bytes = append(items, item), bytes+len(item.Data); len(items) >= remoteItems || bytes >= remoteBytes {
				q.behind = max(q.behind, 1)
				err = q.page(items, item.Cursor, false)
				items, bytes = nil, 0
			}
		}
		if err != nil {
			return err
		}
	}
}

// page checks that the page goes on where the last one ended, and yields it.
func (q *pursuit) page(items []Item, to Cursor, first bool) error {
	from := q.at
	if from.IsZero() {
		from = Cursor{Journal: to.Journal, Partition: q.partition}
	}
	if first && (to != from || len(items) > 0) {
		return fmt.Errorf("%w: a stream begins at %s, not at %s", ErrDiscontinuous, to, from)
	}
	at := from
	for i := range items {
		if err := rises(at, items[i].Cursor); err != nil || items[i].Cursor.Compare(at) == 0 {
			return fmt.Errorf("%w: revision %d of %s at %s comes after %s", ErrDiscontinuous, items[i].Revision, items[i].Entity, items[i].Cursor, at)
		}
		at = items[i].Cursor
		if err := q.revision(&items[i]); err != nil {
			return err
		}
	}
	if err := rises(at, to); err != nil {
		return err
	}
	if !first || !q.shown { // that nodes begin streams again and again is of no use
		q.last = time.Now()
	}
	q.at, q.shown = to, true
	if !q.yield(Page{Items: items, After: from, Cursor: to, Behind: q.behind}) {
		return errLeft
	}
	if !first {
		q.last = time.Now() // what the consumer took for it is not the nodes'
	}
	return nil
}

// rises returns an error when next is not at the place or behind it.
func rises(at, next Cursor) error {
	if next.Journal != at.Journal || next.Partition != at.Partition || next.Compare(at) < 0 {
		return fmt.Errorf("%w: %s comes after %s", ErrDiscontinuous, next, at)
	}
	return nil
}

// revision checks that an item follows the one before of its entity, where that is known.
func (q *pursuit) revision(i *Item) error {
	if len(q.filter.Events) > 0 {
		return nil // some are left out
	}
	if last, ok := q.known[i.Entity]; ok && i.Revision != last+1 {
		return fmt.Errorf("%w: revision %d of %s comes after revision %d", ErrDiscontinuous, i.Revision, i.Entity, last)
	}
	if len(q.known) >= maxRevisions {
		clear(q.known)
	}
	q.known[i.Entity] = i.Revision
	return nil
}

// lines reads a stream.
type lines struct{ in *bufio.Reader }

func newLines(r io.Reader) *lines { return &lines{bufio.NewReaderSize(r, 64<<10)} }

// next returns the next whole line.
func (s *lines) next() (*line, error) {
	text, err := s.in.ReadSlice('\n')
	for long := []byte(nil); errors.Is(err, bufio.ErrBufferFull); {
		if long = append(long, text...); len(long) > maxLine {
			return nil, fmt.Errorf("a line has more than %d bytes", maxLine)
		}
		text, err = s.in.ReadSlice('\n')
		if err == nil {
			text = append(long, text...)
		}
	}
	if errors.Is(err, io.EOF) {
		return nil, errLost // what has come of the line is no line
	}
	if err != nil {
		return nil, err
	}
	l := new(line)
	if err := json.Unmarshal(text, l); err != nil {
		return nil, err
	}
	return l, nil
}
