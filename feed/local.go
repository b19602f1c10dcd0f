package feed

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// Replicas is what this node has of a journal: every store of this module.
type Replicas interface {
	// ID names the journal.
	ID() string
	// Replica returns what is here of p, whoever owns it, or journal.ErrNoReplica.
	Replica(ctx context.Context, p journal.Partition) (journal.Replica, error)
}

// LocalConfig says how logs are read. Zero fields mean the defaults named there.
type LocalConfig struct {
	// Identity is what cursors name the logs by (default: the journal's ID). All nodes that hold replicas of them have the same.
	Identity  string
	PageItems int // of one page at most (default 1,000)
	PageBytes int // of the data in one page, after which no further item is added (default 1 MiB)
	// Heartbeat is how often a page comes although nothing happens (default 10 s).
	Heartbeat time.Duration
	// Await is how long a replica that is behind may take to get to a cursor (default 5 s) before that is from the future.
	Await time.Duration
}

// Local is the Source that reads the replicas of its own node.
type Local struct {
	replicas Replicas
	id       string // in cursors
	config   LocalConfig
}

var _ Source = (*Local)(nil)

// NewLocal returns a Source that reads what is here of the journal.
func NewLocal(r Replicas, c LocalConfig) *Local {
	c.PageItems = cmp.Or(max(c.PageItems, 0), 1000)
	c.PageBytes = cmp.Or(max(c.PageBytes, 0), 1<<20)
	c.Heartbeat = cmp.Or(max(c.Heartbeat, 0), 10*time.Second)
	c.Await = cmp.Or(max(c.Await, 0), 5*time.Second)
	return &Local{r, identity(cmp.Or(c.Identity, r.ID())), c}
}

// identity returns what stands for any text in cursors: the text itself where it may.
func identity(text string) string {
	if len(text) >= minID && wire.ValidEpoch(text) {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// End returns the place at the end of what is here of p.
func (l *Local) End(ctx context.Context, p journal.Partition) (Cursor, error) {
	r, err := l.replicas.Replica(ctx, p)
	if err != nil {
		return Cursor{}, fmt.Errorf("end of %s: %w", p, err)
	}
	return Cursor{Journal: l.id, Partition: p, Offset: r.End()}, nil
}

// Pages yields what is here of p behind the cursor. Beside the page that the caller has, a follower holds what its
// journal reads at a time.
func (l *Local) Pages(ctx context.Context, p journal.Partition, after Cursor, f Filter) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		w, err := l.begin(ctx, p, after, f)
		if err == nil {
			w.yield = func(page Page) bool { return yield(page, nil) }
			err = w.run(ctx)
		}
		if err != nil && !errors.Is(err, errLeft) {
			yield(Page{}, fmt.Errorf("follow %s: %w", p, err))
		}
	}
}

// begin checks where to begin, and waits until the replica has come so far.
func (l *Local) begin(ctx context.Context, p journal.Partition, after Cursor, f Filter) (*follower, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	if after.IsZero() {
		after = Cursor{Journal: l.id, Partition: p}
	}
	switch {
	case after.Journal != l.id:
		return nil, fmt.Errorf("%w: %s, this is %s", ErrOtherJournal, after.Journal, l.id)
	case after.Partition != p:
		return nil, fmt.Errorf("%w: %s", ErrOtherPartition, after.Partition)
	case after.Index < 0:
		return nil, fmt.Errorf("%w: index %d", ErrCursor, after.Index)
	}
	r, err := l.replicas.Replica(ctx, p)
	if err != nil {
		return nil, err
	}
	if err := l.await(ctx, r, after); err != nil {
		return nil, err
	}
	return &follower{replica: r, filter: f, config: l.config, at: after, since: after, skip: after.Index}, nil
}

// await returns once the log has come to the cursor.
func (l *Local) await(ctx context.Context, r journal.Reader, at Cursor) error {
	before := at.Offset // an index is in the batch behind
	if at.Index == 0 {
		if before == 0 {
			return nil
		}
		before--
	}
	wait, done := context.WithTimeout(ctx, l.config.Await)
	defer done()
	err := r.Wait(wait, before)
	if err != nil && ctx.Err() == nil && wait.Err() != nil {
		return fmt.Errorf("%w: it is behind offset %d, the log ends at %d", ErrFuture, at.Offset, r.End())
	}
	return err
}
