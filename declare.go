package tutti

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/tutti-rt/tutti/internal/turn"
)

// OnCommand declares what an entity does with a command: a request to change. The handler reads the
// state, decides, and emits events or returns a rejection ([Reject]); it changes nothing itself.
// Any other error fails the command: the client gets the code internal, and nothing has happened.
//
// Commands come from clients and, by [Turn.Tell], from other entities. Data that does not decode
// into C is rejected as invalid before the handler is called; fields that C does not have are
// ignored, and absent data is the zero C.
func OnCommand[S, C any](h func(t *Turn[S], c C) error, opts ...HandlerOption) Declaration {
	return Declaration{func(b *builder) {
		if run, info := declareMessage("command", b, h, opts); run != nil {
			remember[C](b, turn.RoleCommand, info.name)
			b.category.types.Commands[info.name] = CommandTypes{Data: reflect.TypeFor[C](), Replies: info.replies}
			b.out.Commands[info.name] = turn.Command{Handle: run}
		}
	}}
}

// OnTimer declares what an entity does when a timer is due that [Turn.Schedule] set. An error,
// rejection or not, discards what the handler decided; the timer is gone either way.
func OnTimer[S, P any](h func(t *Turn[S], p P) error, opts ...HandlerOption) Declaration {
	return Declaration{func(b *builder) {
		run, info := declareMessage("timer", b, h, opts)
		if run == nil {
			return
		}
		t, name := reflect.TypeFor[P](), info.name
		if other, ok := b.category.timers[t]; ok {
			b.mistake("timer type %v is declared twice, as %s and %s", t, other.name, name)
			return
		}
		b.category.timers[t] = remember[P](b, turn.RoleTimer, name)
		b.out.Timers[name] = turn.Command{Handle: run}
	}}
}

// OnSignal declares what an entity does with a signal: something ephemeral, that changes no state
// and is not stored, such as a pointer's position. The handler usually broadcasts; see also [Relay].
// Signals are not answered: an error only discards what the handler decided.
func OnSignal[S, G any](h func(t *Turn[S], g G) error, opts ...HandlerOption) Declaration {
	return Declaration{func(b *builder) {
		if run, info := declareMessage("signal", b, h, opts); run != nil {
			remember[G](b, turn.RoleSignal, info.name)
			b.category.types.Signals[info.name] = reflect.TypeFor[G]()
			b.out.Signals[info.name] = turn.Signal{Handle: run}
		}
	}}
}

// Relay declares signals that go to all others at the entity, unchanged and unseen by the application.
// See [RelayOf] for one whose type generated clients shall know.
func Relay(names ...string) Declaration {
	return Declaration{func(b *builder) {
		if len(names) == 0 {
			b.mistake("Relay without a name")
		}
		for _, name := range names {
			if !messageName.MatchString(name) {
				b.mistake("signal: the name %q does not match %s", name, messageName)
			} else if b.claim(&handler{kind: "signal", name: name}, nil) {
				b.out.Signals[name] = turn.Signal{}
				b.category.types.Signals[name] = nil
				b.category.types.Messages[name] = nil
			}
		}
	}}
}

// RelayOf declares a signal of type M that goes to all others at the entity, unchanged. The platform
// does not look into it: M is what clients agree on, and what generated clients know. M may be a pointer
// where clients also send null.
func RelayOf[M any](opts ...HandlerOption) Declaration {
	return Declaration{func(b *builder) {
		t := reflect.TypeFor[M]()
		named := t
		if t.Kind() == reflect.Pointer {
			named = t.Elem()
		}
		info, ok := b.handlerOf("signal", named, opts)
		if !ok {
			return
		}
		checkAnswer[M](b, info.String())
		b.out.Signals[info.name] = turn.Signal{}
		b.category.types.Signals[info.name] = t
		b.category.types.Messages[info.name] = t
	}}
}

// OnQuery declares what an entity answers to a query. The handler changes nothing and sends nothing.
// The answer reflects every command acknowledged to anybody before the query was asked, unless the client asks for less
// and the query allows it with [Weakest]. Nobody is a member where a mirror answers.
func OnQuery[S, Q, A any](h func(t *Turn[S], q Q) (A, error), opts ...HandlerOption) Declaration {
	return Declaration{func(b *builder) {
		info, ok := b.handlerOf("query", reflect.TypeFor[Q](), opts)
		if !ok || !usable[S](b, info, h == nil) {
			return
		}
		checkStored[Q](b, info.String())
		checkAnswer[A](b, info.String())
		remember[Q](b, turn.RoleQuery, info.name)
		b.category.types.Queries[info.name] = QueryTypes{Data: reflect.TypeFor[Q](), Answer: typeOf[A]()}
		b.out.Queries[info.name] = turn.Query{Consistency: info.weakest, Handle: func(u *turn.Turn, state any, data []byte) ([]byte, error) {
			var q Q
			if err := decode(data, &q); err != nil {
				return nil, invalid(err)
			}
			t := Turn[S]{turn: u, state: state.(*S), handler: info}
			a, err := h(&t, q)
			if err = info.finish(u, err); err != nil {
				return nil, err
			}
			answer, err := encode(&a)
			return answer, info.finish(u, err)
		}}
	}}
}

// OnConnect declares what an entity does when a connection comes: before its welcome, and once
// however often the connection loses its link and returns within the grace period. A rejection
// refuses the connection, as does any other error.
func OnConnect[S any](h func(t *Turn[S]) error, opts ...HandlerOption) Declaration {
	return Declaration{func(b *builder) {
		if run := declareBare("OnConnect", b, b.out.Connect != nil, h, opts); run != nil {
			b.out.Connect = run
		}
	}}
}

// OnDisconnect declares what an entity does when a connection is gone: it said so, or it stayed
// away longer than the grace period.
func OnDisconnect[S any](h func(t *Turn[S]) error, opts ...HandlerOption) Declaration {
	return Declaration{func(b *builder) {
		if run := declareBare("OnDisconnect", b, b.out.Disconnect != nil, h, opts); run != nil {
			b.out.Disconnect = run
		}
	}}
}

// With sets the options of the category.
func With(o Options) Declaration {
	return Declaration{func(b *builder) {
		if b.once("With", b.options, false) {
			b.options = true
			b.out.Options = o
			b.checkOptions(o)
		}
	}}
}

func (b *builder) checkOptions(o Options) {
	for name, value := range map[string]string{"Pool": o.Pool, "Lane": o.Lane} {
		if value != "" && !categoryName.MatchString(value) {
			b.mistake("option %s: %q does not match %s", name, value, categoryName)
		}
	}
	if o.ViewConsistency > Eventual {
		b.mistake("option ViewConsistency is %d", o.ViewConsistency)
	}
	v := reflect.ValueOf(o)
	for i := range v.NumField() {
		if f := v.Field(i); f.CanInt() && f.Int() < 0 {
			b.mistake("option %s is negative", v.Type().Field(i).Name)
		}
	}
}

// declareMessage declares a handler that takes a message and returns an error. It returns nil,
// having noted why, when that cannot be.
func declareMessage[S, M any](kind string, b *builder, h func(*Turn[S], M) error, opts []HandlerOption) (func(*turn.Turn, any, []byte) error, *handler) {
	info, ok := b.handlerOf(kind, reflect.TypeFor[M](), opts)
	if !ok || !usable[S](b, info, h == nil) {
		return nil, nil
	}
	checkStored[M](b, info.String())
	return func(u *turn.Turn, state any, data []byte) error {
		var m M
		if err := decode(data, &m); err != nil {
			if u.Kind == turn.KindTimer {
				return fmt.Errorf("category %s: %v: decode: %w", u.Category.Name, info, err)
			}
			return invalid(err)
		}
		t := Turn[S]{turn: u, state: state.(*S), handler: info}
		return info.finish(u, h(&t, m))
	}, info
}

// declareBare declares a handler that takes no message.
func declareBare[S any](kind string, b *builder, taken bool, h func(*Turn[S]) error, opts []HandlerOption) func(*turn.Turn, any) error {
	info := &handler{category: b.category, kind: kind}
	for _, o := range opts {
		o.handler(info)
	}
	b.checkEmits(info)
	b.checkReplies(info)
	if info.named {
		b.mistake("%s takes no name", kind)
		info.name = ""
	}
	if !b.once(kind, taken, h == nil) || !useState[S](b, kind) {
		return nil
	}
	return func(u *turn.Turn, state any) error {
		t := Turn[S]{turn: u, state: state.(*S), handler: info}
		return info.finish(u, h(&t))
	}
}

// usable reports whether a handler has a function and the category's state.
func usable[S any](b *builder, info *handler, isNil bool) bool {
	if isNil {
		b.mistake("%v: the handler is nil", info)
	}
	return useState[S](b, info.String()) && !isNil
}

// finish returns what the platform learns of a turn: nil, the handler's *Rejection, or a failure that
// names category and handler. A mistake in the use of the turn fails it whatever the handler said.
func (h *handler) finish(u *turn.Turn, err error) error {
	if mistake := u.Err(); mistake != nil {
		err = mistake
	} else if err == nil {
		return nil
	} else if r, ok := errors.AsType[*Rejection](err); ok {
		if r != nil && r.Code != "" {
			return r
		}
		err = errors.New("rejected without a code")
	}
	return fmt.Errorf("category %s: %v: %w", h.category.Name(), h, err)
}

func sortedTypes(set map[reflect.Type]bool) []reflect.Type {
	types := make([]reflect.Type, 0, len(set))
	for t := range set {
		types = append(types, t)
	}
	slices.SortFunc(types, func(a, b reflect.Type) int { return cmp.Compare(describe(a), describe(b)) })
	return types
}
