package feed

import (
	"time"

	"github.com/tutti-rt/tutti/journal"
)

// Item is one recorded event.
type Item struct {
	Entity   journal.Entity
	Revision uint64
	Name     string // of the event
	// Data is as it was recorded. Items of a page may share memory with each other, and with nothing that changes.
	Data    []byte
	At      time.Time // the turn's, in whole milliseconds
	By      string    // the member whose connection caused it; empty for timers and other entities
	Command uint64    // the id of the command that caused it; 0 when none did
	Cursor  Cursor    // the place behind it
}

// Page is some items that follow each other in one partition's log.
type Page struct {
	// Items may be none: those that were read have not passed the filter, or nothing has come for a while.
	Items []Item
	// After and Cursor are the places before and behind what was read for this page.
	After, Cursor Cursor
	// Behind is how far the log goes on behind Cursor, in offsets: about as many batches. 0: this is its end.
	Behind uint64
}

// Filter says which items are wanted. The zero Filter wants all.
type Filter struct {
	// Categories are those whose entities are wanted; none: all but what the platform keeps for itself. At most 64.
	Categories []string
	// ID is the one entity that is wanted, of the one category.
	ID string
	// Events are the names of those wanted; none: all. At most 64.
	Events []string
}
