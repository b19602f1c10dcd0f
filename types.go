package tutti

import (
	"maps"
	"reflect"
	"slices"
)

// Types are the Go types behind the names of a category, for programs that write the code of clients.
// A nil type is one that the declarations do not tell.
type Types struct {
	State    reflect.Type // what clients see of the state
	Who      reflect.Type // what they see of each other's claims
	Events   map[string]reflect.Type
	Commands map[string]CommandTypes
	Queries  map[string]QueryTypes
	Signals  map[string]reflect.Type
	Messages map[string]reflect.Type // signals that are relayed, and what Sends declares
	// Named reports whether others see anything of the claims.
	Named bool
}

// CommandTypes are the types of a command and of its replies, no type at all where they are not told.
type CommandTypes struct {
	Data    reflect.Type
	Replies []reflect.Type
}

// QueryTypes are the types of a query and of its answer.
type QueryTypes struct{ Data, Answer reflect.Type }

// Types returns the types that the category was declared with.
func (c *Category) Types() Types {
	t := c.types
	t.Named = c.untyped.Who != nil
	t.Events, t.Commands, t.Queries = maps.Clone(t.Events), maps.Clone(t.Commands), maps.Clone(t.Queries)
	t.Signals, t.Messages = maps.Clone(t.Signals), maps.Clone(t.Messages)
	for name, of := range t.Commands {
		of.Replies = slices.Clone(of.Replies)
		t.Commands[name] = of
	}
	return t
}

// Sends declares an ephemeral message of type M that turns broadcast or send to members, so that
// generated clients know it; under its name no other type can be sent. Messages that are not declared can be sent as
// well, and generated clients do not know their types.
func Sends[M any](opts ...HandlerOption) Declaration {
	return Declaration{func(b *builder) {
		if info, ok := b.handlerOf("message", reflect.TypeFor[M](), opts); ok {
			checkAnswer[M](b, info.String())
			b.category.types.Messages[info.name] = typeOf[M]()
		}
	}}
}

// emptyState is the state of a category before a declaration says otherwise.
var emptyState = reflect.TypeFor[struct{}]()

func noTypes() Types {
	return Types{
		State:    emptyState,
		Events:   map[string]reflect.Type{},
		Commands: map[string]CommandTypes{},
		Queries:  map[string]QueryTypes{},
		Signals:  map[string]reflect.Type{},
		Messages: map[string]reflect.Type{},
	}
}

// typeOf returns T, or nil where T is an interface and says nothing of what is encoded.
func typeOf[T any]() reflect.Type {
	if t := reflect.TypeFor[T](); t.Kind() != reflect.Interface {
		return t
	}
	return nil
}

// shown checks that what a view returns encodes, and returns its type.
func shown[V any](b *builder, what string) reflect.Type {
	t := typeOf[V]()
	if t != nil {
		checkAnswer[V](b, what)
	}
	return t
}
