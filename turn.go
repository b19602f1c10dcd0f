package tutti

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"time"

	"github.com/tutti-rt/tutti/internal/turn"
)

// Turn is one message taken by an entity, in the hands of its handler. An entity takes one message
// at a time. Nothing that a handler asks of its turn happens before it has returned nil, and nothing
// of it leaves the node before it is durable; after an error or a panic it is all discarded.
//
// A handler gets time, randomness and everything else that could differ from run to run only here.
// A turn belongs to its handler: it is not kept, and not used from another goroutine.
//
// What a handler must not do, such as emitting from a query, fails the turn, whatever the handler
// returns: the client gets the code internal, and the log names category, handler and mistake.
type Turn[S any] struct {
	turn    *turn.Turn
	state   *S
	handler *handler
}

// State returns the state as it was when the turn began. It is read only: what a handler changes
// there is lost, or worse. Events change the state, after the handler.
func (t *Turn[S]) State() *S { return t.state }

// ID returns the id of the entity, which is unique in its category.
func (t *Turn[S]) ID() string { return t.turn.Entity.ID }

// Entity returns the name of the entity.
func (t *Turn[S]) Entity() Entity { return t.turn.Entity }

// Revision returns the number of the last event before this turn, 0 when there is none.
func (t *Turn[S]) Revision() uint64 { return t.turn.Revision }

// Now returns the time of the turn. All that happens in one turn happens at one time.
func (t *Turn[S]) Now() time.Time { return t.turn.Now }

// SentAt returns when the message came in, by the clock of the edge that took it; Now where no edge
// was involved.
func (t *Turn[S]) SentAt() time.Time { return t.turn.SentAt }

// Rand returns the turn's source of randomness.
func (t *Turn[S]) Rand() *rand.Rand { return t.turn.Rand() }

// Claims returns what the sender's token says. They are zero in timers and for what other entities
// tell.
func (t *Turn[S]) Claims() Claims { return t.turn.Claims }

// Member returns the member id of the connection that sent the message, or that came or went; ""
// in timers and for what other entities tell.
func (t *Turn[S]) Member() string { return t.turn.Member }

// From returns the entity that told the command, the zero Entity for any other message.
func (t *Turn[S]) From() Entity { return t.turn.From }

// Members returns the connections at the entity.
func (t *Turn[S]) Members() []Member {
	if t.turn.Members == nil {
		return nil
	}
	return t.turn.Members()
}

// Emit records an event, a value of a type that has an OnEvent. Queries and signals emit nothing.
func (t *Turn[S]) Emit(event any) {
	typ := reflect.TypeOf(event)
	c, ok := t.handler.category.events[typ]
	switch {
	case !ok && typ != nil && typ.Kind() == reflect.Pointer:
		t.fail("emitted %v, a pointer; emit the value", typ)
	case !ok:
		t.fail("emitted %v, which has no OnEvent", typ)
	case t.handler.emits != nil && !t.handler.emits[typ]:
		t.fail("emitted %v, which its Emits does not have", typ)
	default:
		data, err := c.encode(event)
		if err != nil {
			t.turn.Fail(fmt.Errorf("event %s: %w", c.name, err))
			return
		}
		t.turn.Emit(c.name, data)
	}
}

// Reply answers the command with v, once and in commands only. What another entity told has nobody
// who waits for a reply: it is dropped then.
func (t *Turn[S]) Reply(v any) {
	err := t.handler.replied(v)
	var data []byte
	if err == nil {
		data, err = encode(v)
	}
	if err != nil {
		t.turn.Fail(fmt.Errorf("reply: %w", err))
		return
	}
	t.reply("Reply", func(any) ([]byte, error) { return data, nil })
}

// ReplyWith answers the command with what f returns for the state after the turn's events.
// f changes nothing.
func (t *Turn[S]) ReplyWith(f func(s *S) any) {
	if f == nil {
		t.fail("ReplyWith got no function")
		return
	}
	h := t.handler
	t.reply("ReplyWith", func(state any) ([]byte, error) {
		v := f(state.(*S))
		err := h.replied(v)
		var data []byte
		if err == nil {
			data, err = encode(v)
		}
		if err != nil {
			return nil, fmt.Errorf("category %s: %v: reply: %w", h.category.Name(), h, err)
		}
		return data, nil
	})
}

func (t *Turn[S]) reply(call string, f func(any) ([]byte, error)) {
	switch {
	case t.turn.Kind != turn.KindCommand && t.turn.Kind != turn.KindTold:
		t.fail("%s is for commands", call)
	case t.turn.Reply != nil:
		t.fail("replied twice")
	default:
		t.turn.Reply = f
	}
}

// Schedule sets the entity's timer of that key, in place of an earlier one. The timer is a value of
// a type that has an OnTimer. It comes at the time given or soon after, once, whatever crashes in
// between; a time that has passed is now.
func (t *Turn[S]) Schedule(key string, at time.Time, timer any) {
	c, ok := t.handler.category.timers[reflect.TypeOf(timer)]
	switch {
	case !t.mayWrite("Schedule"):
	case !ok:
		t.fail("scheduled %T, which has no OnTimer", timer)
	case at.IsZero():
		t.fail("scheduled timer %s of key %q for the zero time", c.name, key)
	default:
		data, err := c.encode(timer)
		if err != nil {
			t.turn.Fail(fmt.Errorf("timer %s: %w", c.name, err))
			return
		}
		t.turn.Timers = append(t.turn.Timers, turn.TimerChange{Key: key, Due: at, Name: c.name, Data: data})
	}
}

// Cancel removes the entity's timer of that key, if there is one.
func (t *Turn[S]) Cancel(key string) {
	if t.mayWrite("Cancel") {
		t.turn.Timers = append(t.turn.Timers, turn.TimerChange{Key: key})
	}
}

func (t *Turn[S]) mayWrite(call string) bool {
	if t.turn.ReadOnly() {
		t.fail("%s is not for queries and signals", call)
		return false
	}
	return true
}

func (t *Turn[S]) fail(format string, args ...any) {
	t.turn.Fail(fmt.Errorf(format, args...))
}
