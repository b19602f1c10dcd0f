package wire

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// SubjectChange says what has become of a subject.
type SubjectChange uint8

// What is said of a subject in a packed batch.
const (
	SubjectCame      SubjectChange = iota + 1 // it is online, Since then
	SubjectWent                               // it is not
	SubjectWatched                            // an edge wants to know; in a KindWho: whether it is online
	SubjectUnwatched                          // no more
	endOfSubjectChange
)

// Subject is one subject in a packed batch.
type Subject struct {
	Change SubjectChange
	Name   string
	Since  int64 // Unix ms, of SubjectCame
}

// AppendSubject appends s in its binary form to a batch.
func AppendSubject(dst []byte, s Subject) []byte {
	dst = append(dst, byte(s.Change))
	dst = append(binary.AppendUvarint(dst, uint64(len(s.Name))), s.Name...)
	if s.Change == SubjectCame {
		dst = binary.AppendUvarint(dst, uint64(s.Since))
	}
	return dst
}

// DecodeSubjects returns the subjects of a batch. Bytes that are no batch end it with one ErrPacked.
func DecodeSubjects(data []byte) iter.Seq2[Subject, error] {
	return func(yield func(Subject, error) bool) {
		u := unpacker{b: data}
		for len(u.b) > 0 {
			s := Subject{Change: SubjectChange(u.b[0])}
			u.b = u.b[1:]
			s.Name = u.text(true)
			since := u.uint(s.Change == SubjectCame)
			s.Since = int64(since)
			if u.bad || s.Change == 0 || s.Change >= endOfSubjectChange || since > MaxInteger {
				yield(Subject{}, fmt.Errorf("%w: batch of subjects", ErrPacked))
				return
			}
			if !yield(s, nil) {
				return
			}
		}
	}
}
