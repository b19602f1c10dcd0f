package tutti

import (
	"fmt"
	"reflect"

	"github.com/tutti-rt/tutti/internal/turn"
)

// remember notes the name of type T in one of its roles, and returns how its values are stored.
func remember[T any](b *builder, as turn.Role, name string) codec {
	c := codec{name: name, encode: func(v any) ([]byte, error) {
		value := v.(T) // so that the pointer's MarshalJSON serves as well
		return encode(&value)
	}}
	key := role{as, reflect.TypeFor[T]()}
	first, ok := b.category.named[key]
	if ok {
		first.others = true
		b.category.named[key] = first
	} else {
		b.category.named[key] = c
	}
	return c
}

// encode is the Encode of the untyped category.
func (c *Category) encode(as turn.Role, v any) (string, []byte, error) {
	t := reflect.TypeOf(v)
	if as == turn.RoleMessage {
		name, err := c.nameOf(t)
		if err != nil {
			return "", nil, err
		}
		data, err := encode(v)
		return name, data, err
	}
	known, ok := c.named[role{as, t}]
	switch {
	case !ok:
		return "", nil, fmt.Errorf("category %s declares no %v of type %v", c.Name(), as, t)
	case known.others:
		return "", nil, fmt.Errorf("category %s declares type %v under several names", c.Name(), t)
	}
	data, err := known.encode(v)
	return known.name, data, err
}
