package online

import "github.com/tutti-rt/tutti/wire"

// partBytes is from how many bytes on a batch goes on in another envelope.
const partBytes = 32 << 10

// batch is subjects packed for one envelope after the other. The zero value is empty.
type batch struct{ parts [][]byte }

func (b *batch) add(s wire.Subject) {
	last := len(b.parts) - 1
	if last < 0 || len(b.parts[last]) >= partBytes {
		b.parts = append(b.parts, nil)
		last++
	}
	b.parts[last] = wire.AppendSubject(b.parts[last], s)
}

// take returns what is in the batch and leaves it empty.
func (b *batch) take() [][]byte {
	parts := b.parts
	b.parts = nil
	return parts
}

// state returns what is said of a subject that is online since then; 0: it is not.
func state(name string, since int64) wire.Subject {
	if since == 0 {
		return wire.Subject{Change: wire.SubjectWent, Name: name}
	}
	return wire.Subject{Change: wire.SubjectCame, Name: name, Since: since}
}
