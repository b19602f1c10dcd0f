package feed

import "errors"

var (
	// ErrCursor means that a cursor does not parse, or names no place in its log.
	ErrCursor = errors.New("feed: not a cursor")
	// ErrOtherJournal means that a cursor is of another journal, as after the data was replaced.
	ErrOtherJournal = errors.New("feed: cursor of another journal")
	// ErrOtherPartition means that a cursor is of another partition.
	ErrOtherPartition = errors.New("feed: cursor of another partition")
	// ErrFuture means that a cursor is beyond the end of the log, as after the data was put back to an older state.
	ErrFuture = errors.New("feed: cursor from the future")
	// ErrNoPartition means that there is no such partition anywhere.
	ErrNoPartition = errors.New("feed: no such partition")
	// ErrFilter means that a filter makes no sense.
	ErrFilter = errors.New("feed: not a filter")
	// ErrDiscontinuous means that items are missing, repeated or out of order. It is wrapped with entity and revision.
	ErrDiscontinuous = errors.New("feed: discontinuous")
	// ErrRefused means that a node does not let this consumer follow, as without the operator's token.
	ErrRefused = errors.New("feed: refused")
	// ErrUnavailable means that no node serves the partition just now.
	ErrUnavailable = errors.New("feed: unavailable")
	// ErrStop is for handlers: a Consumer whose handler returns it, or an error that wraps it, ends with that error.
	ErrStop = errors.New("feed: stop")
	// ErrDamaged means that a file of cursors is not what was written.
	ErrDamaged = errors.New("feed: file of cursors is damaged")
)
