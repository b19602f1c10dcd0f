package tutti

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
)

// typeName derives a name on the wire from the name of a Go type: MoveTo becomes move_to. The error
// says why a type has none.
func typeName(t reflect.Type) (string, error) {
	name := ""
	switch {
	case t == nil:
		return "", fmt.Errorf("nil has no type")
	case t.Kind() == reflect.Pointer:
		return "", fmt.Errorf("%v is a pointer", t)
	case t.Name() == "" || t.PkgPath() == "":
		return "", fmt.Errorf("type %v has no name of its own: use tutti.Name", t)
	case strings.Contains(t.Name(), "["):
		return "", fmt.Errorf("type %v is generic, which makes no name: use tutti.Name", t)
	default:
		name = snakeCase(t.Name())
	}
	if !messageName.MatchString(name) {
		return "", fmt.Errorf("type %v makes the name %q, which does not match %s: use tutti.Name", t, name, messageName)
	}
	return name, nil
}

// snakeCase puts an underscore before each word but the first: HTTPRequest becomes http_request.
func snakeCase(s string) string {
	runes := []rune(s)
	var out strings.Builder
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 && runes[i-1] != '_' {
			afterWord := !unicode.IsUpper(runes[i-1])
			beforeWord := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if afterWord || beforeWord {
				out.WriteByte('_')
			}
		}
		out.WriteRune(unicode.ToLower(r))
	}
	return out.String()
}
