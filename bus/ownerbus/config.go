package ownerbus

import (
	"errors"
	"log/slog"
	"time"

	"github.com/tutti-rt/tutti/bus"
)

// Inner is the bus between nodes.
type Inner interface {
	bus.Bus
	bus.Broadcaster
}

// Config is what a router is made of.
type Config struct {
	// Bus is the bus between nodes. The router closes it.
	Bus Inner
	// Node is the name of this node.
	Node string
	// Lane is for what nodes tell each other, and for what is passed on (default "default").
	Lane string
	// Term returns the term of the ownership that this node has just begun. Nil: the clock tells which is newer.
	Term func(pool string, partition int) uint64
	// Knows reports whether a node may own anything; what others tell is garbage. Nil: any may.
	Knows func(node string) bool
	// Reaches reports whether this node reaches those who could elect an owner of a partition. What waits for one is refused while it
	// does not. Nil: it always does.
	Reaches func(pool string, partition int) bool
	// TellEvery is how often nodes tell what they own (default 2 s). Who has been silent for five times as long owns nothing.
	TellEvery time.Duration
	// ParkFor is how long envelopes wait for an owner (default 2 s). What is sent to a partition that has had none for
	// longer is refused with bus.ErrNobody at once.
	ParkFor time.Duration
	// ParkEnvelopes and ParkBytes bound what waits at this node (default 16,384, and 64 MiB). When they are reached, Send
	// returns bus.ErrNobody.
	ParkEnvelopes, ParkBytes int
	// Logger gets who has begun and ceased to own what. Nil discards it.
	Logger *slog.Logger
}

func (c Config) withDefaults() (Config, error) {
	var errs []error
	if c.Bus == nil {
		errs = append(errs, errors.New("ownerbus: Bus is needed"))
	}
	if c.Node == "" {
		errs = append(errs, errors.New("ownerbus: Node is needed"))
	}
	if c.TellEvery < 0 || c.ParkFor < 0 || c.ParkEnvelopes < 0 || c.ParkBytes < 0 {
		errs = append(errs, errors.New("ownerbus: times and bounds are not negative"))
	}
	if c.Lane == "" {
		c.Lane = "default"
	}
	if c.Term == nil {
		c.Term = func(string, int) uint64 { return 0 }
	}
	if c.Knows == nil {
		c.Knows = func(string) bool { return true }
	}
	if c.Reaches == nil {
		c.Reaches = func(string, int) bool { return true }
	}
	if c.TellEvery == 0 {
		c.TellEvery = 2 * time.Second
	}
	if c.ParkFor == 0 {
		c.ParkFor = 2 * time.Second
	}
	if c.ParkEnvelopes == 0 {
		c.ParkEnvelopes = 16384
	}
	if c.ParkBytes == 0 {
		c.ParkBytes = 64 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, errors.Join(errs...)
}
