package diskjournal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tutti-rt/tutti/internal/pace"
	"github.com/tutti-rt/tutti/journal"
)

// Config are the settings of a journal. Zero fields mean the defaults.
type Config struct {
	// Logger gets what heals itself and what does not. Nil discards.
	Logger *slog.Logger
	// FS is the file system that the directory is in. Nil: the machine's. What it gives must keep what was synced.
	FS vfs.FS
	// BeforeWrite is called before each synced write of the logs, with no lock held: tests have slow disks wait here. Nil: nothing is.
	BeforeWrite func()
	// CacheBytes is the memory for blocks read from disk (default 64 MiB).
	CacheBytes int64
	// MemTableBytes is how much is gathered in memory before it becomes a sorted file (default 32 MiB).
	// What is not yet in such a file is read again from the write-ahead log when the journal is opened after a crash.
	MemTableBytes int
	// IndexBytes is how much of the logs may be without an index before indexing begins (default 4 MiB).
	// At eight times as much, appends wait.
	IndexBytes int
	// ID is what a new journal is called, and what one that is there has to be called: 16 to 32 of A-Z a-z 0-9 _ -. The journals
	// of a cluster's nodes have one ID. Empty: a new journal gets one at random, and any that is there will do.
	ID string
	// Cluster has the partitions replicated on several nodes. Nil: this node is alone, and a partition is made when it is acquired.
	Cluster *Cluster
}

var journalID = regexp.MustCompile(`^[A-Za-z0-9_-]{16,32}$`)

// ErrOtherJournal means that a directory has another journal than the one that was asked for.
var ErrOtherJournal = errors.New("diskjournal: another journal")

func (c Config) withDefaults() (Config, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = 64 << 20
	}
	if c.MemTableBytes == 0 {
		c.MemTableBytes = 32 << 20
	}
	if c.IndexBytes == 0 {
		c.IndexBytes = 4 << 20
	}
	var errs []error
	if c.CacheBytes < 0 {
		errs = append(errs, fmt.Errorf("CacheBytes is %d", c.CacheBytes))
	}
	if c.MemTableBytes < 64<<10 || c.MemTableBytes > 1<<30 {
		errs = append(errs, fmt.Errorf("MemTableBytes is %d, not between 64 KiB and 1 GiB", c.MemTableBytes))
	}
	if c.ID != "" && !journalID.MatchString(c.ID) {
		errs = append(errs, fmt.Errorf("ID is %.100q, wanted are 16 to 32 of A-Z a-z 0-9 _ -", c.ID))
	}
	if c.IndexBytes < 0 {
		errs = append(errs, fmt.Errorf("IndexBytes is %d", c.IndexBytes))
	}
	cluster, err := c.Cluster.withDefaults()
	c.Cluster = cluster
	return c, errors.Join(append(errs, err)...)
}

// Journal is a journal in a directory. It is safe for concurrent use.
type Journal struct {
	id     string
	dir    string
	config Config
	log    *slog.Logger
	store  *store
	count  counters
	bulk   *pace.Pacer // of checkpoints for other nodes; nil without a Cluster

	closing chan struct{} // closed by Close, and when the journal stops after a failure
	// under counts the calls under way. It is added to under mu, and no more once closed.
	under sync.WaitGroup
	// work counts the goroutines that commit and index. They are started by calls under way.
	work sync.WaitGroup

	started chan struct{}              // closed when the partitions are open, in a cluster
	jobs    chan func(context.Context) // for Run to do beside the loop
	ticked  atomic.Bool                // the loop has a tick to come to

	// What follows belongs to the loop.
	isStarted bool
	isTicking bool // Run runs
	groups    []*group
	moved     map[journal.Partition][]uint64 // who has partitions that were here
	dropping  map[journal.Partition]int      // replicas whose removal is not stored yet
	outgoing  map[uint64]*outgoing
	shared    map[uint64]int // bytes of snapshots sent to each node in this tick
	touched   []*group
	storing   []*storing // what groups have handed over in this round
	answered  int        // proposals, in this round
	encoded   []byte     // a buffer

	mu         sync.Mutex // guards what follows
	closed     bool
	failure    error // why the journal has stopped, nil while it has not
	partitions map[journal.Partition]*partition
	inbox      inbox
	spare      []*proposal // a list that is used again
	looping    bool
	watchers   []*watcher
	arrived    []arrived // snapshots from owners elsewhere
	arriving   int       // bytes of those
	saving     bool
	commits    []*storing // for the committer
	committing bool
	delivered  int // bytes of frames that wait for the loop
	indexing   bool
	behind     int           // bytes in the tails of all partitions
	shrunk     chan struct{} // closed, and replaced, when behind falls
}

var _ journal.Journal = (*Journal)(nil)

// Open opens the journal in dir, which it creates if there is none. Only one process at a time
// can have it open. Damage that shows on opening is reported as journal.ErrCorrupt.
func Open(dir string, c Config) (*Journal, error) {
	if c.FS == nil {
		c.FS = vfs.Default
	}
	return open(c.FS, dir, c)
}

func open(fs vfs.FS, dir string, c Config) (_ *Journal, err error) {
	c, err = c.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j := &Journal{
		dir:        dir,
		config:     c,
		log:        c.Logger,
		closing:    make(chan struct{}),
		partitions: make(map[journal.Partition]*partition),
		shrunk:     make(chan struct{}),
		started:    make(chan struct{}),
		jobs:       make(chan func(context.Context), 4),
		moved:      make(map[journal.Partition][]uint64),
		dropping:   make(map[journal.Partition]int),
		shared:     make(map[uint64]int),
		outgoing:   make(map[uint64]*outgoing),
	}
	if c.Cluster != nil {
		j.bulk = pace.New(c.Cluster.BulkBytes)
	}
	j.store, err = openStore(fs, dir, c, j.fail)
	if err != nil {
		return nil, fmt.Errorf("open journal in %s: %w", dir, err)
	}
	j.id = j.store.witness.id
	if err := j.removeUnfinished(); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal in %s: %w", dir, err), j.store.close())
	}
	return j, nil
}

// ID names this journal.
func (j *Journal) ID() string { return j.id }

// begin says that a call is under way; the caller says end. It fails when the journal is closed.
func (j *Journal) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.why(); err != nil {
		return err
	}
	j.under.Add(1)
	return nil
}

func (j *Journal) end() { j.under.Done() }

// why returns why nothing can be asked of the journal any more. The caller holds mu.
func (j *Journal) why() error {
	switch {
	case j.failure != nil:
		return fmt.Errorf("%w: stopped after %w", journal.ErrClosed, j.failure)
	case j.closed:
		return journal.ErrClosed
	}
	return nil
}

// stopped is why for those who do not hold mu.
func (j *Journal) stopped() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.why()
}

// fail stops the journal: what was written may not be durable, so nothing more is acknowledged.
func (j *Journal) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failure != nil {
		return
	}
	j.failure = err
	if !j.closed {
		close(j.closing)
	}
	j.log.Error("journal stopped", "dir", j.dir, "error", err.Error())
}

// Close waits for what is under way, indexes what is not yet, and closes the files.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	if j.failure == nil {
		close(j.closing)
	}
	j.mu.Unlock()
	j.under.Wait()
	j.work.Wait()
	j.indexAll()
	if err := j.store.close(); err != nil {
		return fmt.Errorf("close journal in %s: %w", j.dir, err)
	}
	return nil
}

// Partitions returns the partitions that have a log.
func (j *Journal) Partitions(ctx context.Context) ([]journal.Partition, error) {
	if err := j.begin(ctx); err != nil {
		return nil, fmt.Errorf("partitions: %w", err)
	}
	defer j.end()
	var ps []journal.Partition
	err := j.store.scan([]byte{keyPartition}, []byte{keyPartition + 1}, func(key []byte, _ func() ([]byte, error)) (bool, error) {
		p, rest, ok := parsePartition(key)
		if !ok || len(rest) > 0 {
			return false, fmt.Errorf("key %x: %w", key, journal.ErrCorrupt)
		}
		ps = append(ps, p)
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("partitions: %w", err)
	}
	return ps, nil
}
