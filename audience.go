package tutti

import (
	"fmt"
	"maps"
	"slices"
)

// Admit declares who may come to an entity at all, by claims and id alone: it is asked before the
// entity is activated, for connections, queries and commands alike. An error refuses; a rejection
// ([Reject]) says why.
func Admit(f func(c Claims, id string) error) Declaration {
	return Declaration{func(b *builder) {
		if b.once("Admit", b.out.Admit != nil, f == nil) {
			b.out.Admit = f
		}
	}}
}

// Audience declares the groups of clients that see different things of an entity: f names the group
// of a client, and [View] and [ViewEvent] get that name. Few audiences are cheap, one for each
// client is not: what an audience sees is encoded once for all its clients.
func Audience(f func(c Claims) string) Declaration {
	return Declaration{func(b *builder) {
		if b.once("Audience", b.out.Audience != nil, f == nil) {
			b.out.Audience = f
		}
	}}
}

// Who declares what others at an entity see of somebody's claims, in presence frames and as the Who
// of a [Member]. Without it, or when f returns nil, they see nothing but the member id. Where V is a type
// of its own, and not any, generated clients know it.
func Who[V any](f func(c Claims) V) Declaration {
	return Declaration{func(b *builder) {
		if !b.once("Who", b.out.Who != nil, f == nil) {
			return
		}
		b.category.types.Who = shown[V](b, "Who")
		b.out.Who = func(c Claims) ([]byte, error) {
			v := f(c)
			if any(v) == nil {
				return nil, nil
			}
			data, err := encode(&v)
			if err != nil {
				return nil, fmt.Errorf("category %s: Who: %w", b.out.Name, err)
			}
			return data, nil
		}
	}}
}

// View declares what an audience sees of the state when it comes: the state of its welcome. Events
// follow from there, so the view must hold all that a client needs to make sense of them. Without it
// everybody sees the whole state. f changes nothing, and what it returns is encoded at once. Where V is a
// type of its own, and not any, generated clients know it.
func View[S, V any](f func(s *S, audience string) V) Declaration {
	return Declaration{func(b *builder) {
		if !b.once("View", b.out.View != nil, f == nil) || !useState[S](b, "View") {
			return
		}
		b.category.types.State = shown[V](b, "View")
		b.out.View = func(state any, audience string) ([]byte, error) {
			v := f(state.(*S), audience)
			data, err := encode(&v)
			if err != nil {
				return nil, fmt.Errorf("category %s: View: %w", b.out.Name, err)
			}
			return data, nil
		}
	}}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
