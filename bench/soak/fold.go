package soak

import (
	"encoding/json"
	"fmt"
)

// fact is one event as the journal has it.
type fact struct {
	name string
	data []byte
	at   int64 // Unix ms
	// commanded says that a client's command caused it.
	commanded bool
}

// fold is what an entity's state has to be, written a second time and without the application's code.
type fold interface {
	// apply takes the next event. An error says what cannot have happened.
	apply(f *fact) error
	// view returns the state as clients are shown it, in the very bytes.
	view() ([]byte, error)
	// quiet returns nil when nothing is under way.
	quiet() error
}

// newFold returns the fold of an entity without events. What entities have to do with each other goes to the
// books, which may be nil.
func newFold(category, id string, b *books) (fold, error) {
	switch category {
	case "counter":
		return &counterFold{}, nil
	case "board":
		return &boardFold{pixels: make([]byte, boardSide*boardSide)}, nil
	case "room":
		return &roomFold{Lines: []line{}}, nil
	case "pad":
		return &padFold{}, nil
	case "account":
		return &accountFold{id: id, books: b, last: map[string]transferKey{}}, nil
	case "alarm":
		return &alarmFold{due: map[string]int64{}}, nil
	}
	return nil, fmt.Errorf("category %s is not of this load", category)
}

// always is the quiet of what has nothing under way.
type always struct{}

func (always) quiet() error { return nil }

// only fails for an event that no client can have caused here.
func (f *fact) only(name string) error {
	if f.name != name || !f.commanded {
		return fmt.Errorf("an event %s that nobody commanded", f.name)
	}
	return nil
}

func (f *fact) decode(into any) error {
	if err := json.Unmarshal(f.data, into); err != nil {
		return fmt.Errorf("event %s: %w", f.name, err)
	}
	return nil
}
