package tutti

import (
	"fmt"
	"reflect"
	"slices"
)

// HandlerOption is a setting of one declaration: [Name], [Emits], [Replies] or [Weakest].
type HandlerOption interface{ handler(h *handler) }

// MessageOption is a setting of one message that a turn sends: [Name] or [Except].
type MessageOption interface{ message(m *message) }

// NameOption is what [Name] returns: it serves declarations and messages alike.
type NameOption string

// Name gives the name on the wire, where it shall not be derived from the Go type. It begins with a
// letter and has up to 64 letters, digits and characters of "_.-".
func Name(wire string) NameOption { return NameOption(wire) }

func (n NameOption) handler(h *handler) { h.name, h.named = string(n), true }
func (n NameOption) message(m *message) { m.name, m.named = string(n), true }

// Emits declares which events a handler emits, by a value of each type: Emits(Said{}, Left{}). Each
// of them must have an OnEvent, which is checked when the category is made, and the handler can
// then emit no other.
func Emits(events ...any) HandlerOption { return emitsOption(events) }

type emitsOption []any

func (o emitsOption) handler(h *handler) {
	if h.emits == nil {
		h.emits = make(map[reflect.Type]bool, len(o))
	}
	for _, e := range o {
		h.emits[reflect.TypeOf(e)] = true
	}
}

// Replies declares what a command replies with, by a value of each type: Replies(Counter{}). The handler can
// then reply with no other, and generated clients know the type; without it they know nothing of the reply.
func Replies(values ...any) HandlerOption { return repliesOption(values) }

type repliesOption []any

func (o repliesOption) handler(h *handler) {
	for _, v := range o {
		h.replies = append(h.replies, reflect.TypeOf(v))
	}
}

// Except leaves one member out of a broadcast: usually the one that caused it.
func Except(member string) MessageOption { return exceptOption(member) }

type exceptOption string

func (o exceptOption) message(m *message) { m.except = string(o) }

// handler is one declared function, for what goes wrong in it and for what it may do.
type handler struct {
	category *Category
	kind     string // "command", "timer", …
	name     string
	named    bool // name was given by an option
	emits    map[reflect.Type]bool
	replies  []reflect.Type // of Replies; nil: anything
	weakest  Consistency
}

// String names the handler as an application developer knows it: command say.
func (h *handler) String() string {
	if h.name == "" {
		return h.kind
	}
	return h.kind + " " + h.name
}

// handlerOf reads the options of a declaration that has a message type. It returns false, having
// noted why, when there is no valid name.
func (b *builder) handlerOf(kind string, t reflect.Type, opts []HandlerOption) (*handler, bool) {
	h := &handler{category: b.category, kind: kind}
	for _, o := range opts {
		o.handler(h)
	}
	b.checkEmits(h)
	if h.weakest > Eventual || h.weakest != Linearizable && kind != "query" {
		b.mistake("%s %v: Weakest is for queries", kind, t)
	}
	b.checkReplies(h)
	if t.Kind() == reflect.Pointer {
		b.mistake("%s: %v is a pointer; declare it with %v", kind, t, t.Elem())
		return h, false
	}
	if h.named {
		if !messageName.MatchString(h.name) {
			b.mistake("%s %v: the name %q does not match %s", kind, t, h.name, messageName)
			return h, false
		}
	} else {
		name, err := typeName(t)
		if err != nil {
			b.mistake("%s: %v", kind, err)
			return h, false
		}
		h.name = name
	}
	return h, b.claim(h, t)
}

// claim notes that the handler's kind and name are taken by type t, nil for a relayed signal.
func (b *builder) claim(h *handler, t reflect.Type) bool {
	key := h.String()
	before, taken := b.goTypes[key]
	if taken {
		b.mistake("%s is declared twice, with %v and %v", key, describe(before), describe(t))
		return false
	}
	b.goTypes[key] = t
	return true
}

func describe(t reflect.Type) string {
	if t == nil {
		return "Relay"
	}
	return t.String()
}

// checkEmits checks a handler's Emits, once all events are known.
func (b *builder) checkEmits(h *handler) {
	if h.emits == nil {
		return
	}
	b.later = append(b.later, func() {
		switch h.kind {
		case "query", "signal", "event", "upcast":
			b.mistake("%v cannot emit events", h)
			return
		}
		for _, t := range sortedTypes(h.emits) {
			if t == nil {
				b.mistake("%v emits nil", h)
			} else if _, ok := b.category.events[t]; !ok {
				b.mistake("%v emits %v, which has no OnEvent", h, t)
			}
		}
	})
}

// checkReplies checks a handler's Replies.
func (b *builder) checkReplies(h *handler) {
	if h.replies == nil {
		return
	}
	b.later = append(b.later, func() {
		if h.kind != "command" {
			b.mistake("%v does not reply", h)
		}
		for _, t := range h.replies {
			if t == nil {
				b.mistake("%v replies with nil", h)
			}
		}
	})
}

// replied returns what keeps a handler from replying with v.
func (h *handler) replied(v any) error {
	if t := reflect.TypeOf(v); h.replies != nil && !slices.Contains(h.replies, t) {
		return fmt.Errorf("replied with %v, which its Replies does not have", t)
	}
	return nil
}
