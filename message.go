package tutti

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tutti-rt/tutti/internal/turn"
)

// message is what is sent, and how.
type message struct {
	name   string
	named  bool // name was given by an option
	except string
	data   []byte
}

// Broadcast sends an ephemeral message to everybody at the entity, after the turn's events. It is
// not stored: who is away does not get it. Its name comes from the type of m, unless [Name] gives it.
func (t *Turn[S]) Broadcast(m any, opts ...MessageOption) {
	t.send("Broadcast", m, opts, turn.Effect{Kind: turn.EffectBroadcast})
}

// BroadcastTo sends an ephemeral message to one audience at the entity.
func (t *Turn[S]) BroadcastTo(audience string, m any, opts ...MessageOption) {
	t.send("BroadcastTo", m, opts, turn.Effect{Kind: turn.EffectBroadcast, Audience: audience, ToGroup: true})
}

// SendTo sends an ephemeral message to one member. A member that is not here does not get it.
func (t *Turn[S]) SendTo(member string, m any, opts ...MessageOption) {
	t.send("SendTo", m, opts, turn.Effect{Kind: turn.EffectSend, Member: member})
}

// Terminate ends a member's connection for good: its client gets code and message and stays away.
func (t *Turn[S]) Terminate(member, code, text string) {
	if t.mayAct("Terminate") {
		t.turn.Effects = append(t.turn.Effects,
			turn.Effect{Kind: turn.EffectTerminate, Member: member, Code: code, Message: text})
	}
}

// Tell sends a command to another entity, of this category or another. It is recorded with the
// turn's events, arrives whatever crashes, and is taken once; what one entity tells another arrives
// in order. Nothing comes back, not even a rejection: the other entity tells, when it has to.
// The command's name comes from its type, unless [Name] gives it. Entities of categories whose names begin with "tutti-" are the
// platform's own and are told nothing.
func (t *Turn[S]) Tell(to Entity, command any, opts ...MessageOption) {
	if !t.mayWrite("Tell") {
		return
	}
	if !categoryName.MatchString(to.Category) || !validID(to.ID) {
		t.fail("told the entity %q, which cannot exist", to)
		return
	}
	if strings.HasPrefix(to.Category, turn.PlatformPrefix) {
		t.fail("told the entity %q, which is the platform's own", to)
		return
	}
	if m, ok := t.message("Tell", command, opts); ok {
		t.turn.Tells = append(t.turn.Tells, turn.Tell{To: to, Name: m.name, Data: m.data})
	}
}

func (t *Turn[S]) send(call string, v any, opts []MessageOption, e turn.Effect) {
	if !t.mayAct(call) {
		return
	}
	m, ok := t.message(call, v, opts)
	if !ok {
		return
	}
	if want, got := t.handler.category.types.Messages[m.name], reflect.TypeOf(v); want != nil && value(want) != value(got) {
		t.fail("%s: the message %s is declared with %v, not %v", call, m.name, want, got)
		return
	}
	if e.Kind == turn.EffectBroadcast {
		e.Member = m.except
	}
	e.Name, e.Data = m.name, m.data
	t.turn.Effects = append(t.turn.Effects, e)
}

func (t *Turn[S]) message(call string, v any, opts []MessageOption) (message, bool) {
	var m message
	for _, o := range opts {
		o.message(&m)
	}
	var err error
	if !m.named {
		m.name, err = t.handler.category.nameOf(reflect.TypeOf(v))
	} else if !messageName.MatchString(m.name) {
		err = fmt.Errorf("the name %q does not match %s", m.name, messageName)
	}
	if err == nil {
		m.data, err = encode(v)
	}
	if err != nil {
		t.turn.Fail(fmt.Errorf("%s: %w", call, err))
		return m, false
	}
	return m, true
}

// nameOf returns the name on the wire of a message's type.
func (c *Category) nameOf(t reflect.Type) (string, error) {
	if name, ok := c.messages.Load(t); ok {
		return name.(string), nil
	}
	name, err := typeName(t)
	if err == nil {
		c.messages.Store(t, name)
	}
	return name, err
}

func (t *Turn[S]) mayAct(call string) bool {
	if t.turn.Kind == turn.KindQuery {
		t.fail("%s is not for queries", call)
		return false
	}
	return true
}

// value returns what a pointer type points to, and every other type as it is.
func value(t reflect.Type) reflect.Type {
	if t != nil && t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// validID reports whether the protocol takes id as that of an entity.
func validID(id string) bool {
	return len(id) >= 1 && len(id) <= 128 && utf8.ValidString(id) &&
		!strings.Contains(id, "/") && !strings.ContainsFunc(id, unicode.IsControl)
}
