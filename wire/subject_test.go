package wire_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/tutti-rt/tutti/wire"
)

// subjects decodes a batch.
func subjects(data []byte) (all []wire.Subject, err error) {
	for s, bad := range wire.DecodeSubjects(data) {
		if bad != nil {
			return all, bad
		}
		all = append(all, s)
	}
	return all, nil
}

func someSubjects() []wire.Subject {
	return []wire.Subject{
		{Change: wire.SubjectCame, Name: "ann", Since: 1700000000000},
		{Change: wire.SubjectWent, Name: "böb"},
		{Change: wire.SubjectWatched, Name: ""},
		{Change: wire.SubjectUnwatched, Name: string(bytes.Repeat([]byte("x"), 300))},
	}
}

func pack(all []wire.Subject) (data []byte) {
	for _, s := range all {
		data = wire.AppendSubject(data, s)
	}
	return data
}

func TestSubjects(t *testing.T) {
	data := pack(someSubjects())
	if got, err := subjects(data); err != nil || !slices.Equal(got, someSubjects()) {
		t.Errorf("decoded %v, %v, want %v", got, err, someSubjects())
	}
	for _, bad := range [][]byte{data[:len(data)-1], {0, 0}, {9, 0}, {1, 1, 'a'}, append([]byte{1, 0}, bytes.Repeat([]byte{255}, 9)...)} {
		if _, err := subjects(bad); !errors.Is(err, wire.ErrPacked) {
			t.Errorf("DecodeSubjects(%x) = %v, want ErrPacked", bad, err)
		}
	}
}

func FuzzDecodeSubjects(f *testing.F) {
	f.Add(pack(someSubjects()))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := subjects(data)
		if err != nil {
			return
		}
		again, err := subjects(pack(all))
		if err != nil || !slices.Equal(all, again) {
			t.Errorf("%v encoded and decoded is %v, %v", all, again, err)
		}
	})
}
