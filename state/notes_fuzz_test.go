package state

import (
	"reflect"
	"testing"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/journal"
)

// What a mirror folds comes from other nodes, and is not to be seen from outside before it answers.

func FuzzNotes(f *testing.F) {
	for _, n := range []note{
		{kind: noteSub, name: "ann"},
		{kind: noteTimer, key: "k", due: -1, name: "due", data: []byte("{}")},
		{kind: noteTell, entity: turn.Entity{Category: "sum", ID: "1"}, name: "add", data: []byte("1")},
		{kind: noteReceipt, entity: turn.Entity{Category: "sum", ID: "1"}, number: 1 << 63},
		{kind: noteConnected},
		{kind: noteState, data: []byte("hash")},
	} {
		f.Add(appendNote(nil, n))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		read := func(data []byte) (all []note, packed []byte, err error) {
			err = readNotes(data, func(n *note) { all, packed = append(all, *n), appendNote(packed, *n) })
			return all, packed, err
		}
		all, packed, err := read(data)
		if err != nil {
			return
		}
		if again, _, err := read(packed); err != nil || !reflect.DeepEqual(again, all) {
			t.Errorf("notes %+v are read again as %+v, %v", all, again, err)
		}
	})
}

type total struct{ N int }

type counted struct{ By int }

// FuzzRecord has a mirror fold whatever an owner may have recorded, and hold it against the hash that is said to be its state's.
func FuzzRecord(f *testing.F) {
	cat := newCategory(tutti.NewCategory("total",
		tutti.OnCommand(func(t *tutti.Turn[total], c counted) error { return nil }),
		tutti.OnEvent(func(s *total, e counted) { s.N += e.By }),
		tutti.With(tutti.Options{HashEvents: 1}),
	))
	id := turn.Entity{Category: "total", ID: "1"}
	fresh := func() *folded { return &folded{cat: cat, id: &id, state: cat.NewState()} }
	record := journal.Record{Entity: id, Seq: 1, Revision: 1, Events: []journal.Event{{Name: "counted", Data: []byte(`{"By":2}`)}}}
	one := fresh()
	if err := one.apply(&record); err != nil {
		f.Fatal(err)
	}
	hash, err := one.hash()
	if err != nil {
		f.Fatal(err)
	}
	good := appendNote(nil, note{kind: noteState, data: hash})
	f.Add("counted", []byte(`{"By":2}`), good)
	f.Add("counted", []byte(`{"By":3}`), good)
	f.Add("other", []byte(nil), appendNote(nil, note{kind: noteState}))
	f.Add("counted", []byte(`{`), []byte{0xff})
	f.Fuzz(func(t *testing.T, name string, data, notes []byte) {
		r := record
		r.Events, r.Notes = []journal.Event{{Name: name, Data: data}}, notes
		it := fresh()
		if it.apply(&r) != nil {
			return
		}
		differs, err := it.differs(&r)
		if string(notes) == string(good) && (err != nil || differs != (it.state.(*total).N != 2)) {
			t.Errorf("a state of %+v differs %t, %v", it.state, differs, err)
		}
	})
}
