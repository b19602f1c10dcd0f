package typescript

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// field is one member of a struct's JSON object.
type field struct {
	name     string
	goType   reflect.Type
	index    []int
	tagged   bool
	quoted   bool // a number or truth value in a string
	optional bool // it may be left out
	never    bool // it is left out where it would be null
}

// fields returns the members of a struct, one a line.
func (w *writer) fields(t reflect.Type) string {
	var out strings.Builder
	for _, f := range fieldsOf(t) {
		s := w.shape(f.goType)
		if f.quoted {
			s = shape{text: "string", null: f.goType.Kind() == reflect.Pointer}
		}
		mark := ""
		if f.optional {
			mark = "?"
		}
		if f.never {
			s.null = false
		}
		fmt.Fprintf(&out, "  %s%s: %s;\n", property(f.name), mark, s.orNull())
	}
	return out.String()
}

// level is an embedded struct whose fields count as those of the outer one.
type level struct {
	goType   reflect.Type
	index    []int
	optional bool // behind a pointer
}

// fieldsOf returns the members that encoding/json gives to a struct's object: of fields with one name the
// shallowest counts, of several of those the one that is tagged, and none where that is not one.
func fieldsOf(t reflect.Type) []field {
	var all []field
	next := []level{{goType: t}}
	seen := map[reflect.Type]bool{}
	for len(next) > 0 {
		now := next
		next = nil
		count := map[reflect.Type]int{}
		for _, l := range now {
			count[l.goType]++
		}
		for _, l := range now {
			if seen[l.goType] {
				continue
			}
			for i := range l.goType.NumField() {
				index := append(slices.Clone(l.index), i)
				f, inner := readField(l.goType.Field(i), index, l.optional)
				switch {
				case inner != nil:
					next = append(next, *inner)
				case f != nil:
					all = append(all, *f)
					if count[l.goType] > 1 {
						all = append(all, *f) // the same struct twice: its fields cancel each other
					}
				}
			}
		}
		for _, l := range now {
			seen[l.goType] = true
		}
	}
	return dominant(all)
}

// readField returns the member that f makes, or the struct whose members f embeds, or neither.
func readField(f reflect.StructField, index []int, optional bool) (*field, *level) {
	tag := f.Tag.Get("json")
	inner, pointer := f.Type, false
	if inner.Name() == "" && inner.Kind() == reflect.Pointer {
		inner, pointer = inner.Elem(), true
	}
	if f.Anonymous {
		if !f.IsExported() && inner.Kind() != reflect.Struct {
			return nil, nil
		}
	} else if !f.IsExported() {
		return nil, nil
	}
	if tag == "-" {
		return nil, nil
	}
	name, options, _ := strings.Cut(tag, ",")
	if !validTag(name) {
		name = ""
	}
	if name == "" && f.Anonymous && inner.Kind() == reflect.Struct {
		return nil, &level{goType: inner, index: index, optional: optional || pointer}
	}
	out := &field{name: name, goType: f.Type, index: index, tagged: name != "", optional: optional}
	if name == "" {
		out.name = f.Name
	}
	for o := range strings.SplitSeq(options, ",") {
		switch o {
		case "string":
			out.quoted = quotes(inner)
		case "omitempty":
			if mayBeEmpty(f.Type) {
				out.optional, out.never = true, true
			}
		case "omitzero":
			out.optional = true
			out.never = out.never || !hasIsZero(f.Type)
		}
	}
	return out, nil
}

// dominant leaves one field of each name, in the order of their declaration.
func dominant(all []field) []field {
	byName := map[string][]field{}
	for _, f := range all {
		byName[f.name] = append(byName[f.name], f)
	}
	var out []field
	for _, same := range byName {
		slices.SortStableFunc(same, func(a, b field) int {
			if len(a.index) != len(b.index) {
				return len(a.index) - len(b.index)
			}
			if a.tagged != b.tagged {
				if a.tagged {
					return -1
				}
				return 1
			}
			return slices.Compare(a.index, b.index)
		})
		if len(same) == 1 || len(same[0].index) != len(same[1].index) || same[0].tagged != same[1].tagged {
			out = append(out, same[0])
		}
	}
	slices.SortFunc(out, func(a, b field) int { return slices.Compare(a.index, b.index) })
	return out
}

func quotes(t reflect.Type) bool {
	return (t.Kind() == reflect.Bool || t.Kind() == reflect.String || isNumber(t.Kind())) && !encodesItself(t)
}

// mayBeEmpty reports whether a value of t can be one that omitempty leaves out.
func mayBeEmpty(t reflect.Type) bool {
	return t.Kind() != reflect.Struct && (t.Kind() != reflect.Array || t.Len() == 0)
}

func hasIsZero(t reflect.Type) bool {
	is := reflect.TypeFor[interface{ IsZero() bool }]()
	return t.Implements(is) || reflect.PointerTo(t).Implements(is)
}

// validTag reports whether encoding/json takes a name from a tag.
func validTag(name string) bool {
	for _, c := range name {
		if !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", c) && !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return false
		}
	}
	return name != ""
}

// property returns a name as that of a member.
func property(name string) string {
	for i, c := range name {
		if c != '_' && c != '$' && !(c < 0x80 && unicode.IsLetter(c)) && (i == 0 || c < '0' || c > '9') {
			quoted, _ := json.Marshal(name) // a string always encodes
			return string(quoted)
		}
	}
	return name
}
