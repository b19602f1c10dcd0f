package tutti

import (
	"fmt"
	"reflect"

	"github.com/tutti-rt/tutti/internal/turn"
)

// OnEvent declares a kind of event and how it changes the state. The state of an entity is the fold
// of its events, in order, and of nothing else: apply reads no clock, no randomness and nothing
// outside s and e, refuses nothing, and may run again on any node at any time.
//
// Emit takes the value of type E; apply always gets what was decoded from the stored bytes.
func OnEvent[S, E any](apply func(s *S, e E), opts ...HandlerOption) Declaration {
	return Declaration{func(b *builder) {
		t := reflect.TypeFor[E]()
		info, ok := b.handlerOf("event", t, opts)
		if !ok || !usable[S](b, info, apply == nil) {
			return
		}
		if other, ok := b.category.events[t]; ok {
			b.mistake("event type %v is declared twice, as %s and %s", t, other.name, info.name)
			return
		}
		if t.Kind() == reflect.Interface {
			b.mistake("%v: %v is an interface; an event has a type of its own", info, t)
			return
		}
		checkStored[E](b, info.String())
		b.category.events[t] = remember[E](b, turn.RoleEvent, info.name)
		b.category.types.Events[info.name] = t
		b.out.Events[info.name] = turn.Event{Apply: func(state any, data []byte) error {
			var e E
			if err := decodeStored(data, &e); err != nil {
				return fmt.Errorf("decode event %s: %w", info.name, err)
			}
			apply(state.(*S), e)
			return nil
		}}
	}}
}

// ViewEvent declares what an audience sees of the events of type E: something else instead, or
// nothing at all when f returns false. It is a function of event and audience alone, which may be
// asked again years later, when a client resumes. Without it everybody sees the event as it is. Where V is a
// type of its own, and not any, generated clients know it.
func ViewEvent[E, V any](f func(e E, audience string) (V, bool)) Declaration {
	return Declaration{func(b *builder) {
		b.later = append(b.later, func() {
			t := reflect.TypeFor[E]()
			c, ok := b.category.events[t]
			if !ok {
				b.mistake("ViewEvent of %v, which has no OnEvent", t)
				return
			}
			e := b.out.Events[c.name]
			if !b.once("ViewEvent of "+t.String(), e.View != nil, f == nil) {
				return
			}
			b.category.types.Events[c.name] = shown[V](b, "ViewEvent of "+t.String())
			e.View = func(data []byte, audience string) ([]byte, bool, error) {
				var e E
				if err := decodeStored(data, &e); err != nil {
					return nil, false, fmt.Errorf("decode event %s: %w", c.name, err)
				}
				v, ok := f(e, audience)
				if !ok {
					return nil, false, nil
				}
				seen, err := encode(&v)
				if err != nil {
					return nil, false, fmt.Errorf("view of event %s: %w", c.name, err)
				}
				return seen, true, nil
			}
			b.out.Events[c.name] = e
		})
	}}
}

// Upcast declares what became of the events that an older version of the application stored: those
// of type Old, by its name or the one given, are read as events of type New. New has an OnEvent, or
// an Upcast of its own. A name belongs to one shape for ever, so an event whose shape changes gets a
// new name: keep the old type for the Upcast, and let the new one be called said_2.
func Upcast[Old, New any](f func(Old) New, opts ...HandlerOption) Declaration {
	return Declaration{func(b *builder) {
		from := reflect.TypeFor[Old]()
		info, ok := b.handlerOf("upcast", from, opts)
		if !ok {
			return
		}
		if f == nil {
			b.mistake("%v: the function is nil", info)
			return
		}
		if other, ok := b.upcasts[from]; ok {
			b.mistake("upcast type %v is declared twice, as %s and %s", from, other, info.name)
			return
		}
		checkStored[Old](b, info.String())
		remember[Old](b, turn.RoleEvent, info.name)
		b.upcasts[from] = info.name
		b.later = append(b.later, func() { declareUpcast(b, info, f) })
	}}
}

func declareUpcast[Old, New any](b *builder, info *handler, f func(Old) New) {
	if _, ok := b.out.Events[info.name]; ok {
		b.mistake("%v: that name also has an OnEvent", info)
		return
	}
	to := reflect.TypeFor[New]()
	name, ok := b.upcasts[to]
	if c, isEvent := b.category.events[to]; isEvent {
		name, ok = c.name, true
	}
	if !ok {
		b.mistake("%v makes a %v, which has neither OnEvent nor Upcast", info, to)
		return
	}
	b.out.Upcasts[info.name] = turn.Upcast{Name: name, Convert: func(data []byte) ([]byte, error) {
		var old Old
		if err := decodeStored(data, &old); err != nil {
			return nil, fmt.Errorf("decode event %s: %w", info.name, err)
		}
		converted := f(old)
		out, err := encode(&converted)
		if err != nil {
			return nil, fmt.Errorf("upcast event %s to %s: %w", info.name, name, err)
		}
		return out, nil
	}}
}

// checkUpcasts finds upcasts that lead back to where they began.
func (b *builder) checkUpcasts() {
	for _, name := range sortedKeys(b.out.Upcasts) {
		at := name
		for range len(b.out.Upcasts) {
			next, ok := b.out.Upcasts[at]
			if !ok {
				break
			}
			at = next.Name
			if at == name {
				b.mistake("upcast %s leads back to itself", name)
				break
			}
		}
	}
}
