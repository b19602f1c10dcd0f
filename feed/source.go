package feed

import (
	"context"
	"iter"

	"github.com/tutti-rt/tutti/journal"
)

// Source yields what partitions' logs hold. It is safe for concurrent use.
type Source interface {
	// Pages yields what p holds behind the cursor and passes the filter, in order, then waits for more until ctx is done. The
	// first page comes at once and has no items; the next ones follow each other without a gap. A page
	// comes at the latest when what was there in the beginning has been read, and then at least every heartbeat.
	//
	// An error ends it: one of this package for a cursor or filter that will not do, journal.ErrNoReplica or ErrUnavailable when
	// trying again or elsewhere may help, or that of ctx.
	Pages(ctx context.Context, p journal.Partition, after Cursor, f Filter) iter.Seq2[Page, error]
	// End returns the place at the end of p's log.
	End(ctx context.Context, p journal.Partition) (Cursor, error)
}

// Follow yields the items of a source's pages one by one.
func Follow(ctx context.Context, s Source, p journal.Partition, after Cursor, f Filter) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for page, err := range s.Pages(ctx, p, after, f) {
			if err != nil {
				yield(Item{}, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}
