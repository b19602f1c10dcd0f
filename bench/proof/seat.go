package proof

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// anywhere is the partition of entities that may be in any.
const anywhere = -1

// seat is where some clients play at one entity after the other: what a search has to look at stays small, and a stream can be
// read from its beginning.
type seat struct {
	*run
	number    int
	category  string
	partition int
	clients   int
	every     time.Duration // between two commands or queries of a client
	stays     bool          // its clients begin at the same edge each time, each at one of its own
}

// mostEvents is about how many events an entity gets at most: a client that comes with an old cursor gets up to 10,000.
const mostEvents = 4000

// table is the entities that clients of a seat play at for a time. Accounts are as many as there are clients, others one.
type table struct {
	*seat
	chapter int
	ids     []string
	epochs  []atomic.Pointer[string]
	full    context.CancelFunc
}

// play plays until ctx is done, and returns when everybody has gone. Whoever waits for an answer when a chapter is over does not hold up the next one: the
// partition would seem to stand still.
func (s *seat) play(ctx context.Context) {
	var leaving sync.WaitGroup
	defer leaving.Wait()
	for chapter := 0; ctx.Err() == nil; chapter++ {
		t := s.newTable(chapter)
		s.mu.Lock()
		s.played = append(s.played, t)
		s.mu.Unlock()
		t.play(ctx, &leaving)
	}
}

func (s *seat) newTable(chapter int) *table {
	t := &table{seat: s, chapter: chapter}
	n := 1
	if s.category == "account" {
		n = s.clients
	}
	for i := range n {
		for try := 0; ; try++ {
			id := fmt.Sprintf("%d-%d-%d-%d", s.number, chapter, i, try)
			if s.partition == anywhere || wire.Partition(s.category, id, s.config.Partitions) == s.partition {
				t.ids = append(t.ids, id)
				break
			}
		}
	}
	t.epochs = make([]atomic.Pointer[string], n)
	return t
}

// play has the clients come, and returns when the chapter is over; leaving waits until they have gone.
func (t *table) play(ctx context.Context, leaving *sync.WaitGroup) {
	var full context.Context
	full, t.full = context.WithCancel(ctx)
	length := t.config.Chapter * time.Duration(8+t.number%5+t.chapter%3) / 14 // not all of them end at once
	chapter, cancel := context.WithTimeout(full, length)
	var playing sync.WaitGroup
	for i := range t.clients {
		p := &player{table: t, place: i, at: i % len(t.ids), rng: t.random(uint64(t.number)<<40 | uint64(t.chapter)<<16 | uint64(i))}
		playing.Go(func() { p.live(chapter, ctx) })
	}
	leaving.Go(func() {
		playing.Wait()
		cancel()
		t.full()
	})
	<-chapter.Done()
}

// reached takes note of how many events an entity has.
func (t *table) reached(revision uint64) {
	if revision >= mostEvents {
		t.full()
	}
}
