package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// Verifier turns a token into what it says of its bearer, or says why it does not believe it.
type Verifier interface {
	Verify(ctx context.Context, token string) (tutti.Claims, error)
}

// Category says where the entities of a category are.
type Category struct {
	Name string
	Pool string // default "default"
	Lane string // default "default"
}

// Config is what an edge needs. Zero fields mean the defaults named there.
type Config struct {
	// Name is the edge's name on the bus, different for each edge of a cluster (default "edge").
	Name string
	// Bus carries envelopes to the owners. Required. Of a bus.Router the edge learns when the owner of a partition has changed: it
	// attaches the links there anew, and their clients do not notice.
	Bus bus.Bus
	// Verifier checks tokens. Required.
	Verifier Verifier
	// Categories are those that clients may address. Required.
	Categories []Category
	// Partitions is the number of partitions of every pool (default 16).
	Partitions int
	// Origins are the origins beside the request's own host that browsers may come from, as
	// "https://app.example.org", or "*" for all.
	Origins []string
	// Logger gets what an operator should know; nil discards it.
	Logger *slog.Logger
	// Clock tells the time of day, which tokens expire by (default time.Now). How long something takes
	// is measured without it, so that setting the clock breaks no link.
	Clock func() time.Time

	// Mirror returns where the state node of the same process answers for entities of a partition that another node owns, and false when
	// it does not: what may be older than what is stored is asked there. Nil: nowhere.
	Mirror func(pool string, partition int) (bus.Address, bool)

	// Elsewhere reports whether there are other edges just now. Links then move there one after the other when this one drains. Nil:
	// there are none.
	Elsewhere func() bool

	// Online says who may ask which subjects are online, and tells the directory of this edge's.
	Online Online

	Limits Limits
	Timing Timing
	Memory Memory

	// Workers is the number of sweep workers (default: one for each core).
	Workers int
}

// Limits bound what clients may do.
type Limits struct {
	Frame       int // bytes of a message (default 1 MiB)
	CommandData int // bytes of a command's, query's or signal's data (default 64 KiB)
	Unanswered  int // commands and queries of a connection without an answer (default 256)

	LinkFrames int // frames a second of a link (default 20,000)
	LinkBytes  int // bytes a second of a link (default 16 MiB)
	SubFrames  int // frames a second of all links of a subject (default 200,000)
	SubBytes   int // bytes a second of all links of a subject (default 64 MiB)

	Links          int // links of the edge (default 100,000)
	SubLinks       int // links of a subject (default 2,000)
	Handshakes     int // handshakes a second with a valid token (default 10,000)
	SubHandshakes  int // handshakes a second of a subject (default 500, and 2,000 at once)
	TokenRefreshes int // auth frames a minute of a link (default 60)
	Onlookers      int // streams that tell who is online (default 1,000)
	SubOnlookers   int // such streams of a subject (default 16)
	SubTickets     int // tickets a minute of a subject, made or used for the first time (default 600)

	Calls    int // calls, views and posts that wait for an answer (default 10,000)
	SubCalls int // those of a subject (default 1,000)
}

// Timing says how long the edge waits.
type Timing struct {
	Heartbeat time.Duration // between two pings to a client (default 25 s)
	Verdict   time.Duration // for the entity's yes or no before the upgrade (default 1 s)
	Welcome   time.Duration // for the answer of an entity, before the link is ended (default 60 s)
	Drained   time.Duration // for a socket that takes no more bytes (default 10 s)
	Close     time.Duration // for the peer's close after ours (default 2 s)
	Verify    time.Duration // for a token to be checked (default 5 s)
	Call      time.Duration // for the answer to a call, a view or frames that were posted (default 30 s)
	Pace      time.Duration // between two sweeps of a busy ring, at most (default 20 ms)
	Spread    time.Duration // over which links move elsewhere, or clients come back, after a drain (default 5 s)
	Drain     time.Duration // for links to end when the edge stops, from when all have been told (default 8 s)
	Linger    time.Duration // for the next long poll of a connection (default 30 s)
	Owner     time.Duration // for another owner, before links are ended (default 10 s)
}

// Memory bounds what the edge keeps for links that are behind.
type Memory struct {
	Rings         int64 // bytes of all rings (default 256 MiB)
	Ring          int   // bytes of one ring (default 4 MiB)
	Behind        int   // bytes a blocked link may be behind before it gets a fresh state (default 1 MiB)
	Private       int64 // bytes of all frames that wait for one link alone (default 256 MiB)
	LinkPrivate   int   // bytes of such frames of one link (default 4 MiB)
	PrivateFrames int   // number of such frames of one link (default 4,096)
	Unfinished    int64 // bytes of all messages that have come in part (default 256 MiB)
	// Unanswered is the bytes of all commands and queries that have no answer, kept for another owner (default 256 MiB), and
	// LinkUnanswered those of one link (default 1 MiB). Beyond either a link is not read until there is room.
	Unanswered     int64
	LinkUnanswered int
}

type number interface{ ~int | ~int64 }

func fill[N number](p *N, v N) {
	if *p == 0 {
		*p = v
	}
}

// withDefaults returns c with its zero fields filled in, and all its mistakes.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Name == "" {
		c.Name = "edge"
	}
	if c.Bus == nil {
		wrong("Bus is missing")
	}
	if c.Verifier == nil {
		wrong("Verifier is missing")
	}
	if len(c.Categories) == 0 {
		wrong("Categories are missing")
	}
	seen := make(map[string]bool)
	for _, k := range c.Categories {
		switch {
		case !wire.ValidCategory(k.Name):
			wrong("category %q: malformed name", k.Name)
		case seen[k.Name]:
			wrong("category %q is there twice", k.Name)
		}
		seen[k.Name] = true
	}
	for _, o := range c.Origins {
		if o != "*" && !strings.Contains(o, "://") {
			wrong(`origin %q: want "scheme://host" or "*"`, o)
		}
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	fill(&c.Partitions, 16)
	fill(&c.Workers, runtime.GOMAXPROCS(0))
	c.Limits.fill()
	c.Timing.fill()
	c.Memory.fill()
	for _, n := range c.numbers() {
		if n.value < 0 {
			wrong("%s is negative", n.name)
		}
	}
	return c, errors.Join(errs...)
}

func (l *Limits) fill() {
	fill(&l.Frame, 1<<20)
	fill(&l.CommandData, 64<<10)
	fill(&l.Unanswered, 256)
	fill(&l.LinkFrames, 20_000)
	fill(&l.LinkBytes, 16<<20)
	fill(&l.SubFrames, 200_000)
	fill(&l.SubBytes, 64<<20)
	fill(&l.Links, 100_000)
	fill(&l.SubLinks, 2_000)
	fill(&l.Handshakes, 10_000)
	fill(&l.SubHandshakes, 500)
	fill(&l.TokenRefreshes, 60)
	fill(&l.Onlookers, 1_000)
	fill(&l.SubOnlookers, 16)
	fill(&l.SubTickets, 600)
	fill(&l.Calls, 10_000)
	fill(&l.SubCalls, 1_000)
}

func (t *Timing) fill() {
	fill(&t.Heartbeat, 25*time.Second)
	fill(&t.Verdict, time.Second)
	fill(&t.Welcome, time.Minute)
	fill(&t.Drained, 10*time.Second)
	fill(&t.Close, 2*time.Second)
	fill(&t.Verify, 5*time.Second)
	fill(&t.Call, 30*time.Second)
	fill(&t.Pace, 20*time.Millisecond)
	fill(&t.Spread, 5*time.Second)
	fill(&t.Drain, 8*time.Second)
	fill(&t.Linger, 30*time.Second)
	fill(&t.Owner, 10*time.Second)
}

func (m *Memory) fill() {
	fill(&m.Rings, 256<<20)
	fill(&m.Ring, 4<<20)
	fill(&m.Behind, 1<<20)
	fill(&m.Private, 256<<20)
	fill(&m.LinkPrivate, 4<<20)
	fill(&m.PrivateFrames, 4096)
	fill(&m.Unfinished, 256<<20)
	fill(&m.Unanswered, 256<<20)
	fill(&m.LinkUnanswered, 1<<20)
}

type named struct {
	name  string
	value int64
}

func (c *Config) numbers() []named {
	l, t, m := &c.Limits, &c.Timing, &c.Memory
	return []named{
		{"Partitions", int64(c.Partitions)},
		{"Workers", int64(c.Workers)},
		{"Limits.Frame", int64(l.Frame)},
		{"Limits.CommandData", int64(l.CommandData)},
		{"Limits.Unanswered", int64(l.Unanswered)},
		{"Limits.LinkFrames", int64(l.LinkFrames)},
		{"Limits.LinkBytes", int64(l.LinkBytes)},
		{"Limits.SubFrames", int64(l.SubFrames)},
		{"Limits.SubBytes", int64(l.SubBytes)},
		{"Limits.Links", int64(l.Links)},
		{"Limits.SubLinks", int64(l.SubLinks)},
		{"Limits.Handshakes", int64(l.Handshakes)},
		{"Limits.SubHandshakes", int64(l.SubHandshakes)},
		{"Limits.TokenRefreshes", int64(l.TokenRefreshes)},
		{"Limits.Onlookers", int64(l.Onlookers)},
		{"Limits.SubOnlookers", int64(l.SubOnlookers)},
		{"Limits.SubTickets", int64(l.SubTickets)},
		{"Limits.Calls", int64(l.Calls)},
		{"Limits.SubCalls", int64(l.SubCalls)},
		{"Timing.Heartbeat", int64(t.Heartbeat)},
		{"Timing.Verdict", int64(t.Verdict)},
		{"Timing.Welcome", int64(t.Welcome)},
		{"Timing.Drained", int64(t.Drained)},
		{"Timing.Close", int64(t.Close)},
		{"Timing.Verify", int64(t.Verify)},
		{"Timing.Call", int64(t.Call)},
		{"Timing.Pace", int64(t.Pace)},
		{"Timing.Spread", int64(t.Spread)},
		{"Timing.Drain", int64(t.Drain)},
		{"Timing.Linger", int64(t.Linger)},
		{"Timing.Owner", int64(t.Owner)},
		{"Memory.Rings", m.Rings},
		{"Memory.Ring", int64(m.Ring)},
		{"Memory.Behind", int64(m.Behind)},
		{"Memory.Private", m.Private},
		{"Memory.LinkPrivate", int64(m.LinkPrivate)},
		{"Memory.PrivateFrames", int64(m.PrivateFrames)},
		{"Memory.Unfinished", m.Unfinished},
		{"Memory.Unanswered", m.Unanswered},
		{"Memory.LinkUnanswered", int64(m.LinkUnanswered)},
	}
}
