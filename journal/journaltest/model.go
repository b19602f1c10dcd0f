package journaltest

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti/journal"
)

// model is what a partition should hold.
type model struct {
	log       journal.Log
	old       journal.Log // fenced
	batches   [][]journal.Record
	records   map[journal.Entity][]journal.Record
	snapshots map[journal.Entity]journal.Snapshot
}

func newModel() *model {
	return &model{records: make(map[journal.Entity][]journal.Record), snapshots: make(map[journal.Entity]journal.Snapshot)}
}

func (m *model) last(e journal.Entity) journal.Mark {
	if rs := m.records[e]; len(rs) > 0 {
		return rs[len(rs)-1].Mark()
	}
	return journal.Mark{}
}

// testModel compares the store with maps under random operations.
func (s *suite) testModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := &machine{t: t, j: s.open(t), parts: map[journal.Partition]*model{}, reopen: s.reopen}
		defer func() { m.j.Close() }()
		for n := range 3 {
			p := journal.Partition{Pool: "default", Number: n}
			m.names = append(m.names, p)
			m.parts[p] = newModel()
			m.parts[p].log = acquire(t, m.j, p)
		}
		actions := map[string]func(*rapid.T){
			"append":   m.append,
			"acquire":  m.acquire,
			"fenced":   m.fenced,
			"snapshot": m.snapshot,
			"":         m.check,
		}
		if s.reopen != nil {
			actions["reopen"] = m.crash
		}
		r.Repeat(actions)
	})
}

// machine is the store and the models of its partitions.
type machine struct {
	t      *testing.T
	j      journal.Journal
	names  []journal.Partition
	parts  map[journal.Partition]*model
	reopen func(t testing.TB, j journal.Journal) journal.Journal
}

func (m *machine) pick(r *rapid.T) *model {
	return m.parts[rapid.SampledFrom(m.names).Draw(r, "partition")]
}

func drawEntity(r *rapid.T) journal.Entity {
	return journal.Entity{
		Category: rapid.SampledFrom([]string{"room", "pad"}).Draw(r, "category"),
		ID:       strconv.Itoa(rapid.IntRange(0, 4).Draw(r, "id")),
	}
}

func (m *machine) draw(r *rapid.T, part *model) []journal.Record {
	var batch []journal.Record
	last := make(map[journal.Entity]journal.Mark)
	for range rapid.IntRange(1, 5).Draw(r, "records") {
		e := drawEntity(r)
		if _, ok := last[e]; !ok {
			last[e] = part.last(e)
		}
		rec := next(e, last[e], rapid.SliceOfN(rapid.SampledFrom([]string{"said", "edited"}), 0, 3).Draw(r, "events")...)
		rec.Wake = rapid.SampledFrom([]int64{0, 0, 1, 5, 10}).Draw(r, "wake")
		rec.By = rapid.SampledFrom([]string{"", "m1"}).Draw(r, "by")
		rec.Notes = rapid.SampledFrom([][]byte{nil, []byte("n"), []byte("notes")}).Draw(r, "notes")
		last[e] = rec.Mark()
		batch = append(batch, rec)
	}
	return batch
}

func (m *machine) append(r *rapid.T) {
	part := m.pick(r)
	batch := m.draw(r, part)
	if _, err := part.log.Append(m.t.Context(), journal.Batch{Records: batch}); err != nil {
		r.Fatalf("Append = %v", err)
	}
	part.batches = append(part.batches, batch)
	for _, rec := range batch {
		part.records[rec.Entity] = append(part.records[rec.Entity], rec)
	}
}

func (m *machine) acquire(r *rapid.T) {
	p := rapid.SampledFrom(m.names).Draw(r, "partition")
	part := m.parts[p]
	l, err := m.j.Acquire(m.t.Context(), p)
	if err != nil {
		r.Fatalf("Acquire = %v", err)
	}
	part.old, part.log = part.log, l
}

func (m *machine) fenced(r *rapid.T) {
	part := m.pick(r)
	if part.old == nil {
		r.Skip("no old log")
	}
	if _, err := part.old.Append(m.t.Context(), journal.Batch{Records: m.draw(r, part)}); !errors.Is(err, journal.ErrFenced) {
		r.Fatalf("Append to an old log = %v, want ErrFenced", err)
	}
}

func (m *machine) snapshot(r *rapid.T) {
	part := m.pick(r)
	e := drawEntity(r)
	rs := part.records[e]
	if len(rs) == 0 {
		r.Skip("no records")
	}
	at := rapid.SampledFrom(rs).Draw(r, "record")
	snap := journal.Snapshot{Entity: e, Mark: at.Mark(), State: rapid.SliceOf(rapid.Byte()).Draw(r, "state")}
	err := part.log.SaveSnapshot(m.t.Context(), snap)
	if older := snap.Mark.Seq < part.snapshots[e].Mark.Seq; older != (err != nil) {
		r.Fatalf("SaveSnapshot of %v after one of %v = %v", snap.Mark, part.snapshots[e].Mark, err)
	}
	if err == nil {
		part.snapshots[e] = snap
	}
}

// crash reopens the store. Snapshots may be lost, never changed.
func (m *machine) crash(r *rapid.T) {
	id := m.j.ID()
	m.j = m.reopen(m.t, m.j)
	if m.j.ID() != id {
		r.Fatalf("ID() = %q after reopening, want %q", m.j.ID(), id)
	}
	for p, part := range m.parts {
		l, err := m.j.Acquire(m.t.Context(), p)
		if err != nil {
			r.Fatalf("Acquire = %v", err)
		}
		part.old, part.log = nil, l
		for e, want := range part.snapshots {
			got, ok, err := l.Snapshot(m.t.Context(), e)
			if err != nil || ok && got.Mark.Seq > want.Mark.Seq {
				r.Fatalf("Snapshot(%s) = %v, %v after reopening, want the one at %v or an older one", e, got.Mark, err, want.Mark)
			}
			if ok {
				part.snapshots[e] = got
			} else {
				delete(part.snapshots, e)
			}
		}
	}
}

func (m *machine) check(r *rapid.T) {
	part := m.pick(r)
	ctx := m.t.Context()
	var got [][]journal.Record
	for b, err := range part.log.Read(ctx, 0) {
		if err != nil {
			r.Fatalf("Read = %v", err)
		}
		got = append(got, b.Records)
	}
	if d := diff(part.batches, got); d != "" {
		r.Fatalf("Read (-want +got):\n%s", d)
	}
	e := drawEntity(r)
	all := part.records[e]
	after := journal.Mark{Revision: rapid.Uint64Range(0, part.last(e).Revision+1).Draw(r, "revision")}
	if len(all) > 0 && rapid.Bool().Draw(r, "from a record") {
		at := rapid.SampledFrom(all).Draw(r, "after")
		after = at.Mark()
	}
	var want []journal.Record
	for _, rec := range all {
		if rec.Seq > after.Seq && rec.Revision >= after.Revision {
			want = append(want, rec)
		}
	}
	tail, err := collect(part.log.Records(ctx, e, after))
	if err != nil {
		r.Fatalf("Records = %v", err)
	}
	if d := diff(want, tail); d != "" {
		r.Fatalf("Records(%s, after %+v) (-want +got):\n%s", e, after, d)
	}
	if last, err := part.log.Last(ctx, e); err != nil || last != part.last(e) {
		r.Fatalf("Last(%s) = %v, %v; want %v", e, last, err, part.last(e))
	}
	snap, ok, err := part.log.Snapshot(ctx, e)
	if wantSnap, wantOK := part.snapshots[e]; err != nil || ok != wantOK || diff(wantSnap, snap) != "" {
		r.Fatalf("Snapshot(%s) = %v, %v, %v; want %v, %v", e, snap, ok, err, wantSnap, wantOK)
	}
	m.checkDue(r, part)
}

func (m *machine) checkDue(r *rapid.T, part *model) {
	until := rapid.Int64Range(0, 11).Draw(r, "until")
	due, err := collect(part.log.Due(m.t.Context(), time.UnixMilli(until)))
	if err != nil {
		r.Fatalf("Due = %v", err)
	}
	var want []journal.Wake
	for e, rs := range part.records {
		if w := rs[len(rs)-1].Wake; w != 0 && w <= until {
			want = append(want, journal.Wake{Entity: e, At: time.UnixMilli(w)})
		}
	}
	if !slices.IsSortedFunc(due, func(a, b journal.Wake) int { return a.At.Compare(b.At) }) {
		r.Fatalf("Due is not in order of time: %v", due)
	}
	byName := func(a, b journal.Wake) int { return cmp.Compare(a.Entity.String(), b.Entity.String()) }
	slices.SortFunc(due, byName)
	slices.SortFunc(want, byName)
	if d := diff(want, due); d != "" {
		r.Fatalf("Due(%d) (-want +got):\n%s", until, d)
	}
}
