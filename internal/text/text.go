package text

import (
	"iter"
	"strings"
)

// Text is a text of valid UTF-8. The zero Text is empty. A Text never changes, so it may be copied
// and read from many goroutines.
type Text struct{ root *node }

// New returns the text s, with U+FFFD for each byte that is not UTF-8.
func New(s string) Text { return Text{build(valid(s))} }

// Len returns the number of code points, in constant time.
func (t Text) Len() int {
	if t.root == nil {
		return 0
	}
	return t.root.runes
}

// Size returns the number of bytes, in constant time.
func (t Text) Size() int {
	if t.root == nil {
		return 0
	}
	return t.root.bytes
}

// Pieces returns the text in pieces of some hundred bytes, in order.
func (t Text) Pieces() iter.Seq[string] {
	return func(yield func(string) bool) { t.root.walk(yield) }
}

// String returns the whole text.
func (t Text) String() string {
	var b strings.Builder
	b.Grow(t.Size())
	for s := range t.Pieces() {
		b.WriteString(s)
	}
	return b.String()
}

// Apply returns the text after p, its patches applied in order, in time that grows with the
// logarithm of the text's length. When one of them does not fit, nothing is applied and the error
// is that of p.Check.
func (t Text) Apply(p Patches) (Text, error) {
	if _, err := p.Check(t.Len()); err != nil {
		return t, err
	}
	n := t.root
	for _, c := range p {
		n = remove(n, c.At, c.At+c.Delete)
		n = insert(n, c.At, valid(c.Insert))
	}
	return Text{n}, nil
}

// MarshalText returns the text as bytes, so that it is a string in JSON.
func (t Text) MarshalText() ([]byte, error) {
	b := make([]byte, 0, t.Size())
	for s := range t.Pieces() {
		b = append(b, s...)
	}
	return b, nil
}

// UnmarshalText sets the text to b, with U+FFFD for each byte that is not UTF-8.
func (t *Text) UnmarshalText(b []byte) error {
	*t = New(string(b))
	return nil
}
