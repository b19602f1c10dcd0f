package diskjournal

import (
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// commit is a value to be written durably.
type commit struct {
	key, value []byte
	// settled is called by the committer before done is closed: with nil when the value is durable.
	settled func(error)
	done    chan struct{}
	err     error // valid once done is closed
}

// maxGroup bounds what one write to Pebble gathers, unless a single value is larger.
const maxGroup = 32 << 20

// enqueue hands c to the committer. A call must be under way. The queue is bounded by the number
// of partitions: each has one commit under way at most.
func (j *Journal) enqueue(c *commit) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.queue = append(j.queue, c)
	if !j.committing {
		j.committing = true
		j.work.Go(j.commitAll)
	}
}

// withdraw takes c out of the queue, and returns false when its write has begun.
func (j *Journal) withdraw(c *commit) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, q := range j.queue {
		if q == c {
			j.queue = append(j.queue[:i], j.queue[i+1:]...)
			return true
		}
	}
	return false
}

// commitAll writes what is in the queue, group by group, until it is empty. There is one such goroutine
// at a time for the whole journal, and none while there is nothing to write.
func (j *Journal) commitAll() {
	expected := 0
	for {
		group := j.gather(expected)
		if group == nil {
			return
		}
		err := j.write(group)
		// Those who wait now, and those who are answered now: the latter are about to come back.
		expected = len(group) + j.waiting()
		for _, c := range group {
			c.err = err
			c.settled(err)
			close(c.done)
		}
	}
}

// maxYields bounds how often others are let run before a group is written.
const maxYields = 16

// gather returns the next group, nil when there is none and the committer is to end. It lets others run first,
// until as many wait as are expected: who was answered just now would else miss this
// group, and the writers fall into two cohorts of half the size.
func (j *Journal) gather(expected int) []*commit {
	for range maxYields {
		if j.waiting() >= expected {
			break
		}
		runtime.Gosched()
	}
	return j.take()
}

func (j *Journal) waiting() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.queue)
}

// take returns the next group, nil when there is none and the committer is to end.
func (j *Journal) take() []*commit {
	j.mu.Lock()
	defer j.mu.Unlock()
	n, size := 0, 0
	for n < len(j.queue) && (n == 0 || size+len(j.queue[n].value) <= maxGroup) {
		size += len(j.queue[n].value)
		n++
	}
	if n == 0 {
		j.committing = false
		return nil
	}
	group := append([]*commit(nil), j.queue[:n]...)
	j.queue = append(j.queue[:0], j.queue[n:]...)
	return group
}

// write stores a group in one synced write.
func (j *Journal) write(group []*commit) error {
	size := 0
	for _, c := range group {
		size += len(c.key) + len(c.value) + 16
	}
	b := j.store.db.NewBatchWithSize(size)
	defer b.Close()
	for _, c := range group {
		if err := b.Set(c.key, c.value, nil); err != nil {
			return err
		}
	}
	began := time.Now()
	if err := j.store.apply(b, pebble.Sync); err != nil {
		return err
	}
	j.count.wrote(group, size, time.Since(began))
	return nil
}
