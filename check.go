package tutti

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// checkStored notes what keeps values of T from being encoded and decoded again.
func checkStored[T any](b *builder, what string) {
	c := checker{seen: map[reflect.Type]bool{}, decodes: true}
	checkType[T](b, what, &c, func() error {
		var zero, again T
		first, err := encode(&zero)
		if err != nil {
			return err
		}
		if err := decodeStored(first, &again); err != nil {
			return fmt.Errorf("its zero value encodes as %s, which does not decode: %w", first, err)
		}
		second, err := encode(&again)
		if err != nil {
			return err
		}
		if !bytes.Equal(first, second) {
			return fmt.Errorf("its zero value encodes as %s, which decodes as %s", first, second)
		}
		return nil
	})
}

// checkAnswer notes what keeps values of T from being encoded.
func checkAnswer[T any](b *builder, what string) {
	c := checker{seen: map[reflect.Type]bool{}}
	checkType[T](b, what, &c, func() error {
		var zero T
		_, err := encode(&zero)
		return err
	})
}

func checkType[T any](b *builder, what string, c *checker, try func() error) {
	t := reflect.TypeFor[T]()
	if c.decodes && t.Kind() == reflect.Pointer {
		b.mistake("%s: %v is a pointer", what, t)
		return
	}
	c.walk(typeLabel(t), t)
	for _, m := range c.mistakes {
		b.mistake("%s: %s", what, m)
	}
	if c.mistakes != nil {
		return // what follows may not even end
	}
	if err := recovered(try); err != nil {
		b.mistake("%s: %v does not survive encoding: %w", what, t, err)
	}
}

func recovered(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return f()
}

var (
	jsonMarshaler   = reflect.TypeFor[json.Marshaler]()
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// checker walks a type as encoding/json would.
type checker struct {
	decodes  bool // values are decoded too
	seen     map[reflect.Type]bool
	mistakes []string
}

func (c *checker) mistake(path, format string, args ...any) {
	c.mistakes = append(c.mistakes, path+": "+fmt.Sprintf(format, args...))
}

func (c *checker) walk(path string, t reflect.Type) {
	if c.seen[t] || hasOwnEncoding(t) {
		return
	}
	c.seen[t] = true
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		c.mistake(path, "a %s does not encode", t.Kind())
	case reflect.Interface:
		if c.decodes && t.NumMethod() > 0 {
			c.mistake(path, "the interface %v does not decode", t)
		}
	case reflect.Pointer:
		if pointsToItself(t) {
			c.mistake(path, "the pointer type %v points to itself", t)
			return
		}
		c.walk(path, t.Elem())
	case reflect.Slice, reflect.Array:
		c.walk(path+"[]", t.Elem())
	case reflect.Map:
		if !isKey(t.Key()) {
			c.mistake(path, "%v cannot be the key of a JSON object", t.Key())
		}
		c.walk(path+"[]", t.Elem())
	case reflect.Struct:
		c.walkStruct(path, t)
	}
}

func (c *checker) walkStruct(path string, t reflect.Type) {
	encoded, hidden := map[string]bool{}, 0
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Tag.Get("json") == "-" {
			encoded["-"] = true // left out on purpose
			continue
		}
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		embedded := f.Anonymous && inner.Kind() == reflect.Struct
		switch {
		case embedded && !f.IsExported() && f.Type.Kind() == reflect.Pointer && c.decodes:
			c.mistake(path, "the embedded *%s is unexported and does not decode", f.Name)
		case embedded && name == "":
			encoded["embedded "+f.Name] = true
			c.walk(path+"."+f.Name, f.Type)
		case !f.IsExported() && !embedded:
			hidden++
		default:
			if name == "" {
				name = f.Name
			}
			if encoded[name] {
				c.mistake(path, "two fields are called %q in JSON, which keeps one at most", name)
			}
			encoded[name] = true
			c.walk(path+"."+f.Name, f.Type)
		}
	}
	if hidden > 0 && len(encoded) == 0 {
		c.mistake(path, "all fields of %v are unexported, so nothing of it would be kept", t)
	}
}

func hasOwnEncoding(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return t.Kind() != reflect.Interface &&
		(p.Implements(jsonMarshaler) || p.Implements(jsonUnmarshaler) || p.Implements(textMarshaler) || p.Implements(textUnmarshaler))
}

// isKey reports whether JSON takes t as the key of a map, both ways.
func isKey(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return true
	}
	return t.Implements(textMarshaler) && reflect.PointerTo(t).Implements(textUnmarshaler)
}

// pointsToItself finds types like type P *P, which decoding would follow for ever.
func pointsToItself(t reflect.Type) bool {
	seen := map[reflect.Type]bool{}
	for ; t.Kind() == reflect.Pointer; t = t.Elem() {
		if seen[t] {
			return true
		}
		seen[t] = true
	}
	return false
}

func typeLabel(t reflect.Type) string {
	if t.Name() == "" {
		return "it"
	}
	return t.Name()
}
