package feed

import (
	"fmt"
	"slices"

	"github.com/tutti-rt/tutti/internal/platform"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// maxFilter bounds the lists of a filter.
const maxFilter = 64

// Check returns what is wrong with f, as an error that wraps ErrFilter.
func (f Filter) Check() error {
	if err := f.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrFilter, err)
	}
	return nil
}

func (f Filter) check() error {
	switch {
	case len(f.Categories) > maxFilter:
		return fmt.Errorf("%d categories, at most %d are taken", len(f.Categories), maxFilter)
	case len(f.Events) > maxFilter:
		return fmt.Errorf("%d names of events, at most %d are taken", len(f.Events), maxFilter)
	case f.ID != "" && len(f.Categories) != 1:
		return fmt.Errorf("an id needs one category, there are %d", len(f.Categories))
	case f.ID != "" && !wire.ValidID(f.ID):
		return fmt.Errorf("%q is no id of an entity", f.ID)
	}
	for _, c := range f.Categories {
		if !wire.ValidCategory(c) && !platform.Reserved(c) {
			return fmt.Errorf("%q is no category", c)
		}
	}
	for _, e := range f.Events {
		if e == "" || len(e) > 128 {
			return fmt.Errorf("%q is no name of an event", e)
		}
	}
	return nil
}

func (f *Filter) entity(e journal.Entity) bool {
	if len(f.Categories) == 0 {
		return !platform.Reserved(e.Category)
	}
	return slices.Contains(f.Categories, e.Category) && (f.ID == "" || f.ID == e.ID)
}

func (f *Filter) event(name string) bool {
	return len(f.Events) == 0 || slices.Contains(f.Events, name)
}
