// Package memjournal is the journal in memory, for tests. What its users have appended outlives them:
// a state node may be thrown away and the next one acquires the same journal, as after a crash.
// Failures can be injected. It starts no goroutine and reads no clock, so it works inside testing/synctest.
package memjournal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/tutti-rt/tutti/journal"
)

// Journal is a journal in memory. It is safe for concurrent use.
type Journal struct {
	id     string
	closed chan struct{}
	// appends counts the appends under way, which Close waits for. It is added to under mu.
	appends sync.WaitGroup

	mu         *sync.Mutex // guards what follows, and everything in the partitions
	partitions map[journal.Partition]*partition
	faults     Faults
}

var _ journal.Journal = (*Journal)(nil)

// Faults are called before the journal does what their names say, on the goroutine that asked
// for it and with no lock held, so they may block. A nil one does nothing.
type Faults struct {
	// Append says what becomes of a batch. It blocks for as long as the disk is to be slow; a
	// batch whose log is fenced meanwhile is not stored.
	Append func(ctx context.Context, p journal.Partition, b journal.Batch) Fault
	// Acquire, Entity (Records, Last and Snapshot) and SaveSnapshot fail with the error returned.
	Acquire      func(ctx context.Context, p journal.Partition) error
	Entity       func(ctx context.Context, e journal.Entity) error
	SaveSnapshot func(ctx context.Context, s journal.Snapshot) error
	// Records is told of every record of that entity that is read with Log.Records.
	Records func(e journal.Entity)
}

// Fault is what becomes of a batch. The zero Fault is success.
type Fault struct {
	Err    error // returned by Append unless it is nil: journal.ErrUnknown, journal.ErrFenced, any other
	Stored bool  // the batch is stored although Err is returned; goes with journal.ErrUnknown
}

// New returns an empty journal.
func New() *Journal {
	return newJournal(rand.Text(), new(sync.Mutex))
}

func newJournal(id string, mu *sync.Mutex) *Journal {
	return &Journal{
		id: id, mu: mu,
		closed:     make(chan struct{}),
		partitions: make(map[journal.Partition]*partition),
	}
}

// Inject puts f in place of the faults so far. The zero Faults end them.
func (j *Journal) Inject(f Faults) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.faults = f
}

// ID names this journal.
func (j *Journal) ID() string { return j.id }

// Acquire makes the caller the owner of p.
func (j *Journal) Acquire(ctx context.Context, p journal.Partition) (journal.Log, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("acquire %s: %w", p, err)
	}
	if p.Pool == "" || p.Number < 0 {
		return nil, fmt.Errorf("acquire %s: not a partition", p)
	}
	if f := j.current().Acquire; f != nil {
		if err := f(ctx, p); err != nil {
			return nil, fmt.Errorf("acquire %s: %w", p, err)
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.isClosed() {
		return nil, fmt.Errorf("acquire %s: %w", p, journal.ErrClosed)
	}
	part := j.partitions[p]
	if part == nil {
		part = newPartition(p)
		j.partitions[p] = part
	}
	part.term++
	return &Log{j: j, part: part, term: part.term}, nil
}

// Partitions returns the partitions that have a log.
func (j *Journal) Partitions(context.Context) ([]journal.Partition, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.isClosed() {
		return nil, fmt.Errorf("partitions: %w", journal.ErrClosed)
	}
	var ps []journal.Partition
	for p := range j.partitions {
		ps = append(ps, p)
	}
	slices.SortFunc(ps, func(a, b journal.Partition) int {
		if c := strings.Compare(a.Pool, b.Pool); c != 0 {
			return c
		}
		return a.Number - b.Number
	})
	return ps, nil
}

// Close waits for appends under way. What is stored is gone with the journal.
func (j *Journal) Close() error {
	j.mu.Lock()
	if !j.isClosed() {
		close(j.closed)
	}
	j.mu.Unlock()
	j.appends.Wait()
	return nil
}

func (j *Journal) current() Faults {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.faults
}

func (j *Journal) isClosed() bool {
	select {
	case <-j.closed:
		return true
	default:
		return false
	}
}

// errEmpty refuses a batch without records.
var errEmpty = errors.New("batch is empty")
