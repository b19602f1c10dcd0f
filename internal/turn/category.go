// Package turn is the untyped face of a category: what the application's typed declarations become,
// and what a state node needs to run them. It knows names and bytes, never the application's types.
package turn

import (
	"time"
)

// Category is one declared category. It is immutable once built and safe for concurrent use.
// Every function in it may run application code, and so may panic.
type Category struct {
	Name    string
	Options Options

	// NewState returns the state of an entity that has no events: a pointer to the zero value.
	NewState func() any
	// EncodeState and DecodeState convert a state to the bytes of a snapshot and back.
	EncodeState func(state any) ([]byte, error)
	DecodeState func(data []byte) (any, error)

	Commands map[string]Command
	Queries  map[string]Query
	Signals  map[string]Signal
	Timers   map[string]Command
	Events   map[string]Event
	Upcasts  map[string]Upcast

	// Connect and Disconnect are nil where the category declares no handler. A Connect that returns
	// an error refuses the connection.
	Connect, Disconnect func(t *Turn, state any) error

	// Admit decides from claims and id alone, before anything is activated. Nil admits everybody.
	Admit func(c Claims, id string) error
	// Audience names the group of clients that see the same as this one. Nil: everybody is in "".
	Audience func(c Claims) string
	// Who is what others see of the claims, as JSON. Nil: nothing.
	Who func(c Claims) ([]byte, error)
	// View is what an audience sees of the state, as compact JSON. Nil: the encoded state.
	View func(state any, audience string) ([]byte, error)

	// Encode returns name and data of a value of one of the application's types, for tests and tools
	// that speak in such values.
	Encode func(role Role, v any) (name string, data []byte, err error)
}

// Role says what a value of one of the application's types stands for.
type Role uint8

// The roles. RoleEvent includes the events of older versions; RoleMessage is anything that has a name.
const (
	RoleCommand Role = iota + 1
	RoleQuery
	RoleSignal
	RoleTimer
	RoleEvent
	RoleMessage
)

// String returns the word for the role.
func (r Role) String() string {
	switch r {
	case RoleCommand:
		return "command"
	case RoleQuery:
		return "query"
	case RoleSignal:
		return "signal"
	case RoleTimer:
		return "timer"
	case RoleEvent:
		return "event"
	case RoleMessage:
		return "message"
	}
	return "role of no kind"
}

// Command is the handler of one command, timer or told message. Handle returns a *Rejection to
// reject, any other error to fail.
type Command struct {
	Handle func(t *Turn, state any, data []byte) error
}

// Query is the handler of one query: it returns the answer as compact JSON.
type Query struct {
	Handle func(t *Turn, state any, data []byte) ([]byte, error)
	// Consistency is the weakest that a client may ask for.
	Consistency Consistency
}

// Consistency says how old what an answer is made of may be. Each is weaker than the one before it.
type Consistency uint8

// The consistencies.
const (
	Linearizable Consistency = iota // it reflects every command acknowledged to anybody before it was asked
	Session                         // it reflects what who asks has seen
	Eventual                        // it may be older
)

// Signal is the handler of one kind of signal. A nil Handle relays the signal to the others
// at the entity, unchanged.
type Signal struct {
	Handle func(t *Turn, state any, data []byte) error
}

// Event is one kind of event.
type Event struct {
	// Apply decodes data and folds the event into state. It is deterministic.
	// An error means that data cannot be decoded; the state is then unchanged.
	Apply func(state any, data []byte) error
	// View is what an audience sees of the event, as compact JSON, or false when it sees nothing.
	// Nil: everybody sees data as it is stored.
	View func(data []byte, audience string) ([]byte, bool, error)
}

// Upcast turns an event that an older version of the application stored into one of a later
// version. The result may be upcast again.
type Upcast struct {
	Name    string // of the event that it returns
	Convert func(data []byte) ([]byte, error)
}

// Options are a category's settings. Zero fields mean the defaults named there.
type Options struct {
	// Ephemeral entities are never stored: their state lives while they are in memory.
	Ephemeral bool
	// Pool and Lane default to "default".
	Pool, Lane string
	// A snapshot is written once an entity has SnapshotEvents events (default 1,000) or
	// SnapshotBytes of events (default 1 MiB) since the last one.
	SnapshotEvents, SnapshotBytes int
	// HashEvents is after how many events (default 1,024) an owner records a hash of the encoded state for mirrors on other nodes to
	// compare with theirs, unless it is larger than 256 KiB.
	HashEvents int
	// Grace is how long a connection may be away before it counts as disconnected (default 10 s).
	Grace time.Duration
	// SessionTimeout is how long a connection may do nothing (no command, query, signal or presence; pings and new links
	// do not count) before it is ended and has left (default 0: for ever).
	SessionTimeout time.Duration
	// Idle is how long an entity without messages stays in memory (default 5 min).
	Idle time.Duration
	// Remember is how long the outcomes of a connection's commands are kept after its last link
	// (default 24 h).
	Remember time.Duration
	// Mailbox is how many messages may wait for an entity (default 8,192); more are refused.
	Mailbox int
	// SlowTurn is how long a handler may run before it is reported (default 1 s).
	SlowTurn time.Duration
	// A client that is further behind than BacklogEvents (default 10,000) or BacklogBytes
	// (default 4 MiB) gets a fresh state instead of the events it missed.
	BacklogEvents, BacklogBytes int
	// ViewConsistency is the weakest that those who look at the present view over HTTP may ask for (default Linearizable).
	ViewConsistency Consistency
}

// WithDefaults returns o with its zero fields filled in.
func (o Options) WithDefaults() Options {
	fill := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	wait := func(p *time.Duration, v time.Duration) {
		if *p == 0 {
			*p = v
		}
	}
	if o.Pool == "" {
		o.Pool = "default"
	}
	if o.Lane == "" {
		o.Lane = "default"
	}
	fill(&o.SnapshotEvents, 1000)
	fill(&o.HashEvents, 1024)
	fill(&o.SnapshotBytes, 1<<20)
	fill(&o.Mailbox, 8192)
	fill(&o.BacklogEvents, 10_000)
	fill(&o.BacklogBytes, 4<<20)
	wait(&o.Grace, 10*time.Second)
	wait(&o.Idle, 5*time.Minute)
	wait(&o.Remember, 24*time.Hour)
	wait(&o.SlowTurn, time.Second)
	return o
}
