package typescript

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

const unknown = "unknown"

// shape is how values of a type are encoded.
type shape struct {
	text string // the type without null
	null bool   // or null
	many bool   // text is a union, which wants parentheses
}

func (s shape) orNull() string {
	if s.null && s.text != unknown {
		return s.text + " | null"
	}
	return s.text
}

// element returns the type as that of an array's elements.
func (s shape) element() string {
	text := s.orNull()
	if s.many || text != s.text {
		return "(" + text + ")"
	}
	return text
}

// described is implemented by types that encode themselves and say how, in TypeScript.
type described interface{ TypeScript() string }

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
	timeType      = reflect.TypeFor[time.Time]()
	numberType    = reflect.TypeFor[json.Number]()
)

// own returns the shape of a type that encodes itself. A method of the pointer alone counts only
// where there is a pointer: elsewhere it depends on the value whether encoding/json can call it.
func own(t reflect.Type) (shape, bool) {
	switch {
	case t.Kind() == reflect.Pointer:
		return ownPointer(t)
	case t.Kind() == reflect.Interface:
		return shape{text: unknown}, true
	case t == timeType:
		return shape{text: "string"}, true
	case t == numberType:
		return shape{text: "number"}, true
	case !encodesItself(t):
		return shape{}, false
	}
	if d, ok := reflect.New(t).Interface().(described); ok {
		return shape{text: d.TypeScript(), many: true}, true
	}
	if !reflect.PointerTo(t).Implements(jsonMarshaler) && t.Implements(textMarshaler) {
		return shape{text: "string"}, true
	}
	return shape{text: unknown}, true
}

func ownPointer(t reflect.Type) (shape, bool) {
	if !t.Implements(jsonMarshaler) && t.Implements(textMarshaler) {
		return shape{text: "string", null: true}, true
	}
	s, ok := own(t.Elem())
	s.null = true
	return s, ok
}

// encodesItself reports whether t or a pointer to it has a method that encodes it.
func encodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(jsonMarshaler) || p.Implements(textMarshaler)
}

// shape returns how t is encoded, by its name if it has one.
func (w *writer) shape(t reflect.Type) shape {
	if name, ok := w.names[t]; ok {
		null := false
		switch t.Kind() {
		case reflect.Slice, reflect.Map, reflect.Pointer:
			null = true
		}
		return shape{text: name, null: null}
	}
	return w.inline(t)
}

// inline returns how t is encoded, without a name.
func (w *writer) inline(t reflect.Type) shape {
	if s, ok := own(t); ok {
		return s
	}
	switch t.Kind() {
	case reflect.Bool:
		return shape{text: "boolean"}
	case reflect.String:
		return shape{text: "string"}
	case reflect.Pointer:
		s := w.shape(t.Elem())
		s.null = true
		return s
	case reflect.Slice:
		if isBytes(t) {
			return shape{text: "string", null: true}
		}
		return shape{text: w.shape(t.Elem()).element() + "[]", null: true}
	case reflect.Array:
		return shape{text: w.shape(t.Elem()).element() + "[]"}
	case reflect.Map:
		return shape{text: "{ [key: string]: " + w.shape(t.Elem()).orNull() + " }", null: true}
	case reflect.Struct:
		body := w.fields(t)
		if body == "" {
			return shape{text: "{}"}
		}
		body = strings.ReplaceAll(strings.TrimSpace(body), "\n  ", " ")
		return shape{text: "{ " + strings.TrimSuffix(body, ";") + " }"}
	default:
		if isNumber(t.Kind()) {
			return shape{text: "number"}
		}
		w.errs = append(w.errs, fmt.Errorf("%v does not encode", t))
		return shape{text: unknown}
	}
}

// isBytes reports whether encoding/json encodes t in base64.
func isBytes(t reflect.Type) bool {
	e := t.Elem()
	return e.Kind() == reflect.Uint8 && !encodesItself(e)
}

func isNumber(k reflect.Kind) bool {
	return k >= reflect.Int && k <= reflect.Float64
}
