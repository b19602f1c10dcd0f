package turn

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Kind says what an entity took.
type Kind uint8

// The kinds of turns.
const (
	KindCommand Kind = iota + 1
	KindQuery
	KindSignal
	KindTimer
	KindConnect
	KindDisconnect
	KindTold // a message of another entity
)

// Entity names one entity.
type Entity struct{ Category, ID string }

// String returns category/id.
func (e Entity) String() string { return e.Category + "/" + e.ID }

// Rejection is the domain's "no" to a command: an answer, not a failure.
type Rejection struct{ Code, Message string }

// Error returns the code and the message.
func (r *Rejection) Error() string { return "rejected: " + r.Code + ": " + r.Message }

// Turn is one message taken by an entity. The state node fills in what came, the handler fills in
// what it decided, and nothing of that is carried out before the handler has returned nil.
// It belongs to the goroutine of the turn.
type Turn struct {
	// What came.
	Category *Category
	Entity   Entity
	Kind     Kind
	Name     string
	Revision uint64 // of the last event before the turn
	Now      time.Time
	SentAt   time.Time // the edge's clock when the message came in; Now where no edge was involved
	Claims   Claims
	Member   string // the connection that sent it; empty for timers and told messages
	From     Entity // the entity that told it
	Seed     [2]uint64
	Members  func() []Member

	// What the handler decided.
	Events  []Emitted
	Reply   func(state any) ([]byte, error) // nil: no reply
	Effects []Effect
	Timers  []TimerChange
	Tells   []Tell

	err  error // the handler's first mistake
	rand *rand.Rand
}

// Emitted is one event that the handler emitted.
type Emitted struct {
	Name string
	Data []byte
}

// EffectKind says what an effect does.
type EffectKind uint8

// The kinds of effects.
const (
	EffectBroadcast EffectKind = iota + 1 // to everybody at the entity, or to one audience
	EffectSend                            // to one member
	EffectTerminate                       // ends one member's connection
)

// Effect is something ephemeral that the turn does to the outside.
type Effect struct {
	Kind     EffectKind
	Member   string // for EffectSend and EffectTerminate; for EffectBroadcast the member left out
	Audience string // for EffectBroadcast with ToAudience
	ToGroup  bool   // only Audience gets the broadcast
	Name     string // of the message
	Code     string // for EffectTerminate
	Message  string // for EffectTerminate
	Data     []byte
}

// TimerChange sets the durable timer Key, or cancels it when Due is zero.
type TimerChange struct {
	Key  string
	Due  time.Time
	Name string
	Data []byte
}

// PlatformPrefix begins the names of the platform's own categories, whose entities no application tells anything.
const PlatformPrefix = "tutti-"

// Tell is a message for another entity.
type Tell struct {
	To   Entity
	Name string
	Data []byte
}

// Member is a connection at the entity, as others see it.
type Member struct {
	ID       string
	Audience string
	Who      []byte // JSON, nil where the category shows nothing
	Data     []byte // presence data, JSON; nil where there is none
}

// Fail records a mistake of the handler. The turn then fails whatever the handler returns.
func (t *Turn) Fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

// Err returns the handler's first mistake.
func (t *Turn) Err() error { return t.err }

// ReadOnly reports whether the turn may change nothing.
func (t *Turn) ReadOnly() bool { return t.Kind == KindQuery || t.Kind == KindSignal }

// Emit records an event.
func (t *Turn) Emit(name string, data []byte) {
	if t.ReadOnly() {
		t.Fail(errors.New("a query or signal handler emitted an event"))
		return
	}
	if _, ok := t.Category.Events[name]; !ok {
		t.Fail(fmt.Errorf("category %s emitted event %q, which has no OnEvent", t.Category.Name, name))
		return
	}
	t.Events = append(t.Events, Emitted{name, data})
}

// Rand returns the turn's source of randomness, the same for the same seed.
func (t *Turn) Rand() *rand.Rand {
	if t.rand == nil {
		t.rand = rand.New(rand.NewPCG(t.Seed[0], t.Seed[1]))
	}
	return t.rand
}

// Writes reports whether the turn decided anything that must be stored.
func (t *Turn) Writes() bool { return len(t.Events)+len(t.Timers)+len(t.Tells) > 0 }
