package state

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/journal"
)

// Config says what a state node serves. Zero fields mean the defaults named there.
type Config struct {
	// Categories are served all; at least one. Each name once, and none with a mistake in it.
	Categories []*tutti.Category
	Journal    journal.Journal
	// Placed says that others make the partitions and say which nodes have them. Journal is a [journal.Replicated] then, and the node
	// owns those that it leads, for as long as it does. Without it the node makes and owns all of them.
	Placed bool
	// Bus may be a [bus.Router]: then links are attached anew at the next owner of their entities, and are not told that the lead
	// was lost.
	Bus bus.Bus
	// Name is the node's on the bus. Without one its mirrors answer nobody.
	Name string
	// Identity is what the names of members and epochs are made with (default: the journal's ID). All nodes that own an entity one
	// after the other have the same.
	Identity string
	// Partitions is how many partitions each pool has (default 16, at most 4,096). It is fixed
	// when a pool is made: a journal laid out for another number is refused when the node runs.
	Partitions int
	// MemoryBudget is how many bytes of entities, as estimated, stay in memory
	// (default 1 GiB). Above it those unused for longest are passivated first.
	MemoryBudget int64
	// MailboxBytes is how many bytes may wait for one entity (default 16 MiB).
	MailboxBytes int
	// ShutdownGrace is how long Run waits for turns under way when it ends (default 5 s).
	ShutdownGrace time.Duration
	// Logger gets what an operator must know; nil discards it.
	Logger *slog.Logger
	// Clock tells the time of day (nil: time.Now): what is stored, what handlers see, when timers are due.
	// How long something takes, grace periods among it, is measured without it.
	Clock func() time.Time
}

// DefaultPartitions is how many partitions a pool has unless told otherwise.
const DefaultPartitions = 16

// withDefaults fills in c and reports every mistake at once.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	if len(c.Categories) == 0 {
		errs = append(errs, errors.New("no categories"))
	}
	seen := make(map[string]bool)
	for _, cat := range c.Categories {
		switch {
		case cat == nil:
			errs = append(errs, errors.New("a category is nil"))
			continue
		case seen[cat.Name()]:
			errs = append(errs, fmt.Errorf("category %q is there twice", cat.Name()))
		}
		seen[cat.Name()] = true
		if err := cat.Err(); err != nil {
			errs = append(errs, err)
		}
	}
	if c.Journal == nil {
		errs = append(errs, errors.New("no journal"))
	}
	if c.Journal != nil && c.Identity == "" {
		c.Identity = c.Journal.ID()
	}
	if _, ok := c.Journal.(journal.Replicated); c.Placed && !ok {
		errs = append(errs, errors.New("placed partitions need a journal that is replicated"))
	}
	if c.Bus == nil {
		errs = append(errs, errors.New("no bus"))
	}
	if c.Partitions == 0 {
		c.Partitions = DefaultPartitions
	}
	if c.Partitions < 1 || c.Partitions > 4096 {
		errs = append(errs, fmt.Errorf("partitions is %d, allowed are 1 to 4096", c.Partitions))
	}
	if c.MemoryBudget == 0 {
		c.MemoryBudget = 1 << 30
	}
	if c.MemoryBudget < 0 {
		errs = append(errs, fmt.Errorf("memory budget is %d bytes", c.MemoryBudget))
	}
	if c.MailboxBytes == 0 {
		c.MailboxBytes = 16 << 20
	}
	if c.MailboxBytes < 1<<16 {
		errs = append(errs, fmt.Errorf("mailbox bytes is %d, at least %d are needed", c.MailboxBytes, 1<<16))
	}
	if c.ShutdownGrace == 0 {
		c.ShutdownGrace = 5 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if err := errors.Join(errs...); err != nil {
		return c, fmt.Errorf("state: %w", err)
	}
	return c, nil
}

// category is a category as the node uses it.
type category struct {
	*turn.Category
	opt   turn.Options // with its defaults
	hides bool         // some audiences may not see some events, or see them differently
}

func newCategory(c *tutti.Category) *category {
	u := c.Untyped()
	out := &category{Category: u, opt: u.Options.WithDefaults()}
	for _, e := range u.Events {
		out.hides = out.hides || e.View != nil
	}
	return out
}

// audience returns the group that sees what these claims see.
func (c *category) audience(claims turn.Claims) string {
	if c.Audience == nil {
		return ""
	}
	return c.Audience(claims)
}
