package journaltest

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

func (s *suite) testSnapshots(t *testing.T) {
	l := acquire(t, s.new(t), p0)
	if got, ok, err := l.Snapshot(t.Context(), e1); ok || err != nil {
		t.Errorf("Snapshot before there is any = %v, %v, %v; want none", got, ok, err)
	}
	var marks []journal.Mark
	var last journal.Mark
	for range 3 {
		r := next(e1, last, "a", "b")
		appendTo(t, l, r)
		last = r.Mark()
		marks = append(marks, last)
	}
	snapshot := func(m journal.Mark) journal.Snapshot {
		return journal.Snapshot{Entity: e1, Mark: m, State: []byte("state"), Notes: []byte("notes")}
	}
	first := snapshot(marks[0])
	if err := l.SaveSnapshot(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	copy(first.State, "XXXXX")
	second := snapshot(marks[1])
	second.Notes = nil
	for _, want := range []journal.Snapshot{snapshot(marks[0]), second, second} {
		if want.Mark == marks[1] {
			if err := l.SaveSnapshot(t.Context(), want); err != nil {
				t.Fatal(err)
			}
		}
		got, ok, err := l.Snapshot(t.Context(), e1)
		if err != nil || !ok {
			t.Fatalf("Snapshot = %v, %v", ok, err)
		}
		if d := diff(want, got); d != "" {
			t.Errorf("Snapshot (-want +got):\n%s", d)
		}
		copy(got.State, "YYYYY")
	}
	for name, bad := range map[string]journal.Mark{
		"older":           marks[0],
		"beyond":          {Seq: last.Seq + 1, Revision: last.Revision},
		"beyond revision": {Seq: last.Seq, Revision: last.Revision + 1},
	} {
		if err := l.SaveSnapshot(t.Context(), snapshot(bad)); err == nil {
			t.Errorf("SaveSnapshot of a %s mark succeeded", name)
		}
	}
	if err := l.SaveSnapshot(t.Context(), journal.Snapshot{Entity: e2, Mark: journal.Mark{Seq: 1, Revision: 1}}); err == nil {
		t.Error("SaveSnapshot of an entity without records succeeded")
	}
	if got, ok, err := l.Snapshot(t.Context(), e1); err != nil || !ok || got.Mark != marks[1] {
		t.Errorf("Snapshot after refused ones = %v, %v, %v; want the one at %v", got.Mark, ok, err, marks[1])
	}
}

func (s *suite) testClosed(t *testing.T) {
	j := s.open(t)
	l := acquire(t, j, p0)
	appendTo(t, l, next(e1, journal.Mark{}, "a"))
	if err := j.Close(); err != nil {
		t.Fatalf("Close = %v", err)
	}
	if err := j.Close(); err != nil && !errors.Is(err, journal.ErrClosed) {
		t.Errorf("second Close = %v, want nil or ErrClosed", err)
	}
	ctx := t.Context()
	for name, do := range map[string]func() error{
		"Acquire":    func() error { _, err := j.Acquire(ctx, p0); return err },
		"Partitions": func() error { _, err := j.Partitions(ctx); return err },
		"Append": func() error {
			_, err := l.Append(ctx, journal.Batch{Records: []journal.Record{next(e2, journal.Mark{}, "a")}})
			return err
		},
		"Confirm": func() error { return l.Confirm(ctx) },
		"Read":    func() error { _, err := collect(l.Read(ctx, 0)); return err },
		"Wait":    func() error { return l.Wait(ctx, 99) },
		"Records": func() error { _, err := collect(l.Records(ctx, e1, journal.Mark{})); return err },
		"Last":    func() error { _, err := l.Last(ctx, e1); return err },
		"SaveSnapshot": func() error {
			return l.SaveSnapshot(ctx, journal.Snapshot{Entity: e1, Mark: journal.Mark{Seq: 1, Revision: 1}})
		},
		"Snapshot": func() error { _, _, err := l.Snapshot(ctx, e1); return err },
		"Due":      func() error { _, err := collect(l.Due(ctx, time.UnixMilli(1))); return err },
	} {
		if err := do(); !errors.Is(err, journal.ErrClosed) {
			t.Errorf("%s after Close = %v, want ErrClosed", name, err)
		}
	}
}

// testLargeSnapshots replaces large ones by smaller ones, by others of the same mark, and by small ones.
func (s *suite) testLargeSnapshots(t *testing.T) {
	l := acquire(t, s.new(t), p0)
	var last journal.Mark
	for i, size := range []int{1, 3_000_000, 700_000, 700_001, 10, 900_000, 900_000, 0} {
		if i != 3 && i != 6 { // these replace one of their own mark
			r := next(e1, last, "a")
			appendTo(t, l, r)
			last = r.Mark()
		}
		want := journal.Snapshot{Entity: e1, Mark: last, State: bytes.Repeat([]byte{byte(i), 'x'}, size/2), Notes: []byte("notes")}
		if err := l.SaveSnapshot(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		got, ok, err := l.Snapshot(t.Context(), e1)
		if err != nil || !ok || got.Mark != want.Mark || !bytes.Equal(got.State, want.State) || string(got.Notes) != "notes" {
			t.Errorf("Snapshot %d = %v with %d bytes, %v, %v; want %v with %d bytes", i, got.Mark, len(got.State), ok, err, want.Mark, len(want.State))
		}
	}
}
