package feed

import (
	"context"
	"iter"

	"github.com/tutti-rt/tutti/journal"
)

// nowhere is the Source of a node that holds no replica.
type nowhere struct{}

func (nowhere) Pages(context.Context, journal.Partition, Cursor, Filter) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) { yield(Page{}, journal.ErrNoReplica) }
}

func (nowhere) End(context.Context, journal.Partition) (Cursor, error) {
	return Cursor{}, journal.ErrNoReplica
}
