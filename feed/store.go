package feed

import (
	"context"
	"sync"

	"github.com/tutti-rt/tutti/journal"
)

// Store keeps how far a consumer has come, for one consumer. It is safe for concurrent use.
type Store interface {
	// Load returns the cursor that was saved last for p, the zero Cursor when none was.
	Load(ctx context.Context, p journal.Partition) (Cursor, error)
	// Save keeps c in place of an older one of its partition. It is durable when Save returns nil, as far as the store is at all.
	Save(ctx context.Context, c Cursor) error
}

// MemoryStore keeps cursors for as long as it is there. The zero MemoryStore is empty.
type MemoryStore struct {
	mu      sync.Mutex
	cursors map[journal.Partition]Cursor
}

var _ Store = (*MemoryStore)(nil)

// Load returns the cursor of p.
func (s *MemoryStore) Load(_ context.Context, p journal.Partition) (Cursor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursors[p], nil
}

// Save keeps c.
func (s *MemoryStore) Save(_ context.Context, c Cursor) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cursors == nil {
		s.cursors = make(map[journal.Partition]Cursor)
	}
	s.cursors[c.Partition] = c
	return nil
}
