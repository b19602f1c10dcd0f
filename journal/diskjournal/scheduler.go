package diskjournal

import (
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// scheduler lets no compaction begin while Pebble opens: Open would wait until it has ended, which
// after a crash under load takes seconds.
type scheduler struct {
	*pebble.ConcurrencyLimitScheduler
	opened atomic.Bool
}

var _ pebble.CompactionScheduler = (*scheduler)(nil)

func newScheduler() *scheduler {
	// Without periodic granting: what may begin is decided after each flush and each compaction,
	// the only things that change it.
	return &scheduler{ConcurrencyLimitScheduler: pebble.NewConcurrencyLimitSchedulerWithNoPeriodicGrantingForTest()}
}

// TrySchedule is asked whether another compaction may begin.
func (s *scheduler) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	if !s.opened.Load() {
		return false, nil
	}
	return s.ConcurrencyLimitScheduler.TrySchedule()
}

// open lets compactions begin, and begins one that waits.
func (s *scheduler) open() {
	s.opened.Store(true)
	if ok, grant := s.ConcurrencyLimitScheduler.TrySchedule(); ok {
		grant.Done() // an end is what has the next one begin
	}
}
