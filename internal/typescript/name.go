package typescript

import (
	"maps"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tutti-rt/tutti"
)

// find notes every type that a category's types are made of, in an order that the declarations fix.
func (w *writer) find(t tutti.Types) {
	w.visit(t.State)
	visitAll(t.Events, w.visit)
	visitAll(t.Commands, func(of tutti.CommandTypes) {
		w.visit(of.Data)
		for _, r := range of.Replies {
			w.visit(r)
		}
	})
	visitAll(t.Queries, func(of tutti.QueryTypes) { w.visit(of.Data); w.visit(of.Answer) })
	visitAll(t.Signals, w.visit)
	visitAll(t.Messages, w.visit)
	w.visit(t.Who)
}

func visitAll[T any](of map[string]T, visit func(T)) {
	for _, name := range slices.Sorted(maps.Keys(of)) {
		visit(of[name])
	}
}

func (w *writer) visit(t reflect.Type) {
	if t == nil || w.found[t] {
		return
	}
	if w.found == nil {
		w.found = map[reflect.Type]bool{}
	}
	w.found[t] = true
	w.order = append(w.order, t)
	if _, ok := own(t); ok {
		return
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		w.visit(t.Elem())
	case reflect.Struct:
		for _, f := range fieldsOf(t) {
			if !f.quoted {
				w.visit(f.goType)
			}
		}
	}
}

// nameAll names the structs that have a name in Go, and whatever refers to itself. A name that several types
// have is put behind that of their packages, and numbered where that is not enough.
func (w *writer) nameAll() {
	var named []reflect.Type
	same := map[string]int{}
	for _, t := range w.order {
		if _, ok := own(t); ok || t.Name() == "" || t.PkgPath() == "" {
			continue
		}
		if t.Kind() == reflect.Struct || recursive(t) {
			named = append(named, t)
			same[identifier(t.Name())]++
		}
	}
	for _, alone := range []bool{true, false} {
		for _, t := range named {
			name := identifier(t.Name())
			if (same[name] == 1) != alone {
				continue
			}
			if !alone || w.taken[name] {
				name = identifier(path.Base(t.PkgPath())) + name
			}
			w.names[t] = w.free(name)
		}
	}
	w.declared = slices.SortedFunc(maps.Keys(w.names), func(a, b reflect.Type) int { return strings.Compare(w.names[a], w.names[b]) })
}

// free takes a name, with a number where it is taken.
func (w *writer) free(name string) string {
	out := name
	for n := 2; w.taken[out]; n++ {
		out = name + strconv.Itoa(n)
	}
	w.taken[out] = true
	return out
}

// recursive reports whether values of t hold values of t without a struct that has a name between them.
func recursive(t reflect.Type) bool {
	seen := map[reflect.Type]bool{}
	for e := t; ; {
		switch e.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			e = e.Elem()
		default:
			return false
		}
		if e == t {
			return true
		}
		if seen[e] {
			return false
		}
		seen[e] = true
	}
}

// identifier returns a Go name as that of a type, without packages and brackets: page[example.com/a.item] is PageItem.
func identifier(name string) string {
	var out strings.Builder
	for _, word := range strings.FieldsFunc(name, func(c rune) bool { return strings.ContainsRune("[], *{};\"_", c) }) {
		if i := strings.LastIndexByte(word, '/'); i >= 0 {
			word = word[i+1:]
		}
		if i := strings.LastIndexByte(word, '.'); i >= 0 {
			word = word[i+1:]
		}
		first, size := utf8.DecodeRuneInString(word)
		out.WriteRune(unicode.ToUpper(first))
		for _, c := range word[size:] {
			if unicode.IsLetter(c) || unicode.IsDigit(c) {
				out.WriteRune(c)
			}
		}
	}
	return out.String()
}
