package tutti

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"sync"

	"github.com/tutti-rt/tutti/internal/turn"
)

// Category is the kind of an entity, and all entities of that kind. It is immutable and safe for
// concurrent use; one category may serve several nodes in one process.
type Category struct {
	untyped *turn.Category
	err     error

	events   map[reflect.Type]codec // of OnEvent, by the type that a handler emits
	timers   map[reflect.Type]codec // of OnTimer, by the type that a handler schedules
	messages sync.Map               // reflect.Type → wire name, of what was broadcast, sent and told
	named    map[role]codec         // of everything declared with a type
	types    Types
}

// role is a Go type in one of its roles.
type role struct {
	turn.Role
	goType reflect.Type
}

// codec is how a value of a declared type is stored.
type codec struct {
	name   string
	encode func(v any) ([]byte, error)
	others bool // the type has other names too
}

// Declaration is one thing that a category does: the result of OnCommand, OnEvent and so on, given
// to NewCategory. It may be given to several categories.
type Declaration struct{ declare func(b *builder) }

var (
	categoryName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
	messageName  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)
)

// NewCategory declares a category. The name appears in the URLs of its entities; it matches
// [a-z][a-z0-9-]{0,31}.
//
// All declarations that have a state type share one, S: a type, not a pointer, that encoding/json
// encodes and decodes again. The state of an entity without events is the zero S.
//
// NewCategory always returns a category, so that it can initialize a package's variable. What is
// wrong with the declarations, all of it, is in [Category.Err], and a node refuses to start with
// such a category.
func NewCategory(name string, declarations ...Declaration) *Category {
	b := newBuilder(name)
	if !categoryName.MatchString(name) {
		b.mistake("the name must match %s", categoryName)
	}
	if len(declarations) == 0 {
		b.mistake("nothing is declared")
	}
	for i, d := range declarations {
		if d.declare == nil {
			b.mistake("declaration %d is empty", i+1)
			continue
		}
		d.declare(b)
	}
	return b.build()
}

// Name returns the name of the category.
func (c *Category) Name() string { return c.untyped.Name }

// Err returns every mistake in the declarations, one a line, or nil when there is none.
func (c *Category) Err() error { return c.err }

// Untyped returns the category as the platform sees it. Applications have no use for it.
func (c *Category) Untyped() *turn.Category { return c.untyped }

// builder gathers the declarations of one category.
type builder struct {
	category *Category
	out      *turn.Category
	state    reflect.Type
	goTypes  map[string]reflect.Type // kind and name → the type it was declared with
	options  bool                    // With was given
	upcasts  map[reflect.Type]string // the old type of each Upcast → its name
	later    []func()                // checks that need to see all declarations
	errs     []error
}

func newBuilder(name string) *builder {
	out := &turn.Category{
		Name:     name,
		Commands: map[string]turn.Command{},
		Queries:  map[string]turn.Query{},
		Signals:  map[string]turn.Signal{},
		Timers:   map[string]turn.Command{},
		Events:   map[string]turn.Event{},
		Upcasts:  map[string]turn.Upcast{},
	}
	defineState[struct{}](out) // until a declaration says otherwise
	c := &Category{
		untyped: out, events: map[reflect.Type]codec{}, timers: map[reflect.Type]codec{}, named: map[role]codec{},
		types: noTypes(),
	}
	out.Encode = c.encode
	return &builder{
		category: c,
		out:      out,
		goTypes:  map[string]reflect.Type{},
		upcasts:  map[reflect.Type]string{},
	}
}

func (b *builder) mistake(format string, args ...any) {
	b.errs = append(b.errs, fmt.Errorf("category %q: "+format, append([]any{b.out.Name}, args...)...))
}

// once reports whether a declaration is the first of its kind, and notes a mistake when it is not,
// or when its function is nil.
func (b *builder) once(what string, taken, isNil bool) bool {
	switch {
	case taken:
		b.mistake("%s is declared twice", what)
	case isNil:
		b.mistake("%s: the function is nil", what)
	}
	return !taken && !isNil
}

func (b *builder) build() *Category {
	for _, check := range b.later {
		check()
	}
	b.checkUpcasts()
	b.out.Options = b.out.Options.WithDefaults()
	b.category.err = errors.Join(b.errs...)
	return b.category
}

// useState makes S the category's state, or notes that it has another one already.
func useState[S any](b *builder, what string) bool {
	t := reflect.TypeFor[S]()
	if b.state != nil && b.state != t {
		b.mistake("%s has the state type %v, but the category's is %v", what, t, b.state)
		return false
	}
	if b.state == nil {
		b.state = t
		defineState[S](b.out)
		if b.category.types.State == emptyState {
			b.category.types.State = t
		}
		checkStored[S](b, "state "+t.String())
	}
	return true
}

func defineState[S any](out *turn.Category) {
	out.NewState = func() any { return new(S) }
	out.EncodeState = func(state any) ([]byte, error) { return encode(state.(*S)) }
	out.DecodeState = func(data []byte) (any, error) {
		s := new(S)
		if err := decodeStored(data, s); err != nil {
			return nil, err
		}
		return s, nil
	}
}
