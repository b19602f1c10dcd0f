package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxTokenBytes bounds the tokens that are looked at.
const MaxTokenBytes = 8 << 10

// header is what the token's own header says. Nothing of it is trusted: it only narrows down which
// keys are tried.
type header struct {
	algorithm string
	keyID     string
}

// parseHeader checks the outer shape of a token and reads its header.
func parseHeader(token string) (header, error) {
	if len(token) > MaxTokenBytes {
		return header{}, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(token))
	}
	first, last, ok := shape(token)
	if !ok {
		return header{}, fmt.Errorf("%w: not three parts of base64url", ErrMalformed)
	}
	// Two spellings of one signature would be two tokens with the same claims.
	if _, err := base64.RawURLEncoding.Strict().DecodeString(token[last+1:]); err != nil {
		return header{}, fmt.Errorf("%w: signature: %v", ErrMalformed, err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(token[:first])
	if err != nil {
		return header{}, fmt.Errorf("%w: header: %v", ErrMalformed, err)
	}
	fields, err := object(raw)
	if err != nil {
		return header{}, fmt.Errorf("%w: header: %v", ErrMalformed, err)
	}
	if _, ok := fields["crit"]; ok {
		return header{}, ErrCritical
	}
	if _, ok := fields["b64"]; ok { // RFC 7797, which crit must announce
		return header{}, fmt.Errorf("%w: header has b64", ErrCritical)
	}
	var h header
	if !text(fields["alg"], &h.algorithm) || h.algorithm == "" {
		return header{}, fmt.Errorf("%w: header without alg", ErrMalformed)
	}
	if id, ok := fields["kid"]; ok && !text(id, &h.keyID) {
		return header{}, fmt.Errorf("%w: kid is no text", ErrMalformed)
	}
	return h, nil
}

// shape reports whether a token has three parts of base64url characters, and where the dots are.
// Decoders of base64 skip line breaks; nothing of the kind gets that far. The third part may be
// empty, as alg=none has it, so that such a token is refused for its algorithm.
func shape(token string) (first, last int, ok bool) {
	dots := 0
	for i := range len(token) {
		switch c := token[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		case c == '.':
			if dots == 0 {
				first = i
			}
			last = i
			dots++
		default:
			return 0, 0, false
		}
	}
	return first, last, dots == 2
}

// object decodes a JSON object and refuses what could be read in two ways: names that occur twice,
// invalid UTF-8, anything behind the object.
func object(data []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("invalid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("not a JSON object")
	}
	fields := make(map[string]json.RawMessage)
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := t.(string)
		if !ok {
			return nil, fmt.Errorf("not a JSON object")
		}
		if _, twice := fields[name]; twice {
			return nil, fmt.Errorf("a name occurs twice")
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		fields[name] = value
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return nil, err
	}
	if len(bytes.TrimSpace(data[d.InputOffset():])) > 0 {
		return nil, fmt.Errorf("something follows the JSON object")
	}
	return fields, nil
}

// text decodes a JSON text into s and reports whether it is one.
func text(raw json.RawMessage, s *string) bool {
	return strings.HasPrefix(string(raw), `"`) && json.Unmarshal(raw, s) == nil
}
