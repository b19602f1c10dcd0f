package soak

// In the package, since what clients were told is written by sessions alone.

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
)

// story is what clients of some entities were told, and what the journal holds of it.
type story struct {
	counter []journal.Record // of counter/1
	answers []answer
	shown   map[uint64]string // states of counter/1 by revision
	run     []uint32          // events that a viewer got, from revision 1 on
	end     uint64

	one, two []journal.Record // of account/1 and account/2
	alarm    []journal.Record // of alarm/1
	other    []journal.Record // of counter/2, of which nobody was told
}

func record(category, id, by string, command uint64, events ...journal.Event) journal.Record {
	return journal.Record{Entity: journal.Entity{Category: category, ID: id}, At: 1000, By: by, Command: command, Events: events}
}

func event(name, format string, args ...any) journal.Event {
	return journal.Event{Name: name, Data: fmt.Appendf(nil, format, args...)}
}

func added(n int) journal.Event { return event("added", `{"by":%d}`, n) }

func fact32(e journal.Event) uint32 { return factSum(e.Name, e.Data) }

// told returns a story in which all is right: two connections, of which the second goes without an answer to its
// last command, and one rejected command.
func told() *story {
	s := &story{
		counter: []journal.Record{
			record("counter", "1", "m1", 1, added(1)), record("counter", "1", "m2", 1, added(2)),
			record("counter", "1", "m1", 3, added(3)), record("counter", "1", "m2", 4, added(4)),
		},
		answers: []answer{
			{conn: 1, id: 1, revision: 1, fact: fact32(added(1))},
			{conn: 2, id: 1, revision: 2, fact: fact32(added(2))},
			{conn: 1, id: 2, outcome: rejected},
			{conn: 1, id: 3, revision: 3, fact: fact32(added(3))},
			{conn: 2, id: 4, outcome: unknown, fact: fact32(added(4))},
			{conn: 2, id: 5, outcome: unknown, fact: fact32(added(5))},
		},
		shown: map[uint64]string{0: `{"n":0}`, 2: `{"n":3}`, 4: `{"n":10}`},
		end:   4,
		one: []journal.Record{
			record("account", "1", "a", 1, event("deposited", `{"amount":10}`)),
			record("account", "1", "a", 2, event("transferred", `{"key":"c3-2","to":"2","amount":4}`)),
			record("account", "1", "", 0, event("settled", `{"key":"c3-2"}`)),
		},
		two: []journal.Record{record("account", "2", "", 0, event("credited", `{"from":"1","key":"c3-2","amount":4}`))},
		alarm: []journal.Record{
			record("alarm", "1", "b", 1, event("planned", `{"key":"c4-1","after":5}`)),
			record("alarm", "1", "", 0, event("rang", `{"key":"c4-1"}`)),
		},
	}
	s.alarm[1].At = 1005
	for _, r := range s.counter {
		s.run = append(s.run, eventSum(r.Events[0].Name, r.Events[0].Data, r.By, r.Command, r.At))
	}
	return s
}

// append stores records with the numbers that follow.
func appendAll(t *testing.T, j journal.Journal, records []journal.Record) {
	t.Helper()
	log, err := j.Acquire(t.Context(), journal.Partition{Pool: "default", Number: 0})
	if err != nil {
		t.Fatal(err)
	}
	var rev uint64
	for i := range records {
		rev += uint64(len(records[i].Events))
		records[i].Seq, records[i].Revision = uint64(i+1), rev
		if _, err := log.Append(t.Context(), journal.Batch{Records: records[i : i+1]}); err != nil {
			t.Fatal(err)
		}
	}
}

func open(t *testing.T, dir, entity string) *notebook {
	t.Helper()
	n, err := openNotebook(dir, entity)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// verify writes the story down and verifies it.
func (s *story) verify(t *testing.T) (Verified, []Failure) {
	t.Helper()
	dir, j := t.TempDir(), memjournal.New()
	defer j.Close()
	for _, records := range [][]journal.Record{s.counter, s.one, s.two, s.alarm, s.other} {
		appendAll(t, j, records)
	}
	counter, one, two, alarm := open(t, dir, "counter/1"), open(t, dir, "account/1"), open(t, dir, "account/2"), open(t, dir, "alarm/1")
	counter.member(1, "m1")
	counter.member(2, "m2")
	for _, a := range s.answers {
		counter.answer(a)
	}
	for revision, state := range s.shown {
		counter.state(1, revision, []byte(state))
	}
	counter.events(1, 1, s.run)
	counter.end(s.end)
	one.member(3, "a")
	one.answer(answer{conn: 3, id: 1, revision: 1, fact: factSum("deposited", []byte(`{"amount":10}`))})
	one.answer(answer{conn: 3, id: 2, revision: 2, fact: factSum("transferred", []byte(`{"key":"c3-2","to":"2","amount":4}`))})
	alarm.member(4, "b")
	alarm.answer(answer{conn: 4, id: 1, revision: 1, fact: factSum("planned", []byte(`{"key":"c4-1","after":5}`))})
	for _, n := range []*notebook{counter, one, two, alarm} {
		if err := n.close(); err != nil {
			t.Fatal(err)
		}
	}
	var failures Failures
	sum, err := Verify(t.Context(), j, dir, &failures)
	if err != nil {
		t.Fatal(err)
	}
	_, all := failures.All()
	return sum, all
}

func TestVerifyCounts(t *testing.T) {
	got, failures := told().verify(t)
	if len(failures) > 0 {
		t.Fatalf("failures %v", failures)
	}
	want := Verified{
		Batches: 10, Records: 10, Events: 10, Entities: 4, Acked: 6, Rejected: 1, Unknown: 2, Carried: 1,
		States: 3, Deliveries: 4, Transfers: 1, Alarms: 1, Money: 10,
	}
	if got != want {
		t.Errorf("Verify = %+v, want %+v", got, want)
	}
}

// TestVerifyNotices: the verification is worth what it can find.
func TestVerifyNotices(t *testing.T) {
	for name, test := range map[string]struct {
		change func(s *story)
		want   string
	}{
		"a lost command":               {func(s *story) { s.counter, s.end = s.counter[:2], 2 }, "is not lost"},
		"a lost command in the middle": {func(s *story) { s.counter = append(s.counter[:1], s.counter[2:]...) }, "is not lost"},
		"an acknowledgement that is not noted": {
			func(s *story) { s.answers = s.answers[1:] }, "was sent, and answered or given up",
		},
		"a doubled event":          {func(s *story) { s.counter = append(s.counter, s.counter[3]) }, "once and in order"},
		"commands in wrong order":  {func(s *story) { s.counter[0], s.counter[2] = s.counter[2], s.counter[0] }, "once and in order"},
		"a wrong revision":         {func(s *story) { s.answers[0].revision = 2 }, "at the revision of its acknowledgement"},
		"a command answered twice": {func(s *story) { s.answers = append(s.answers, s.answers[0]) }, "answered once"},
		"a rejected one stored":    {func(s *story) { s.answers[0].outcome = rejected }, "a rejected command is not stored"},
		"another command stored":   {func(s *story) { s.counter[3].Events[0] = added(5) }, "as it was sent"},
		"a stranger's command":     {func(s *story) { s.counter[3].By = "x" }, "comes from a member"},
		"nobody's event":           {func(s *story) { s.counter[3].By, s.counter[3].Command = "", 0 }, "nobody commanded"},
		"a byte changed on its way": {
			func(s *story) { s.run[2] = eventSum("added", []byte(`{"by":7}`), "m1", 3, 1000) }, `as it is stored; told: an event with the sum`,
		},
		"a changed byte is shown":     {func(s *story) { s.run[2]++ }, `added {"by":3} of m1:3 at 1000`},
		"a revision skipped":          {func(s *story) { s.run = append(s.run[:1], s.run[2:]...) }, "an event is shown as it is stored"},
		"an event that is not stored": {func(s *story) { s.run = append(s.run, 5) }, "ends at revision 4"},
		"a wrong state":               {func(s *story) { s.shown[2] = `{"n":4}` }, "fold of the events"},
		"a state of the future":       {func(s *story) { s.shown[5] = `{"n":10}` }, "a state that was shown is stored"},
		"an end that is not the end":  {func(s *story) { s.end = 3 }, "where clients saw the end"},
		"money lost":                  {func(s *story) { s.two[0].Events[0] = event("credited", `{"from":"1","key":"c3-2","amount":3}`) }, "neither made nor lost"},
		"money taken twice": {func(s *story) {
			s.two = append(s.two, record("account", "2", "", 0, s.two[0].Events[0]))
		}, "arrives after"},
		"money not taken":  {func(s *story) { s.two[0].Events = nil }, "one side only"},
		"money on its way": {func(s *story) { s.one = s.one[:2] }, "have no answer"},
		"a receipt twice":  {func(s *story) { s.one = append(s.one, s.one[2]) }, "does not wait for it"},
		"an alarm that rings twice": {
			func(s *story) { s.alarm = append(s.alarm, s.alarm[1]) }, "planned: false",
		},
		"an alarm that never rings": {func(s *story) { s.alarm = s.alarm[:1] }, "have not rung"},
		"an alarm that is early":    {func(s *story) { s.alarm[1].At = 1004 }, "1 ms early"},
		"an entity of nobody": {func(s *story) {
			s.other = []journal.Record{record("counter", "2", "m1", 1, added(1))}
		}, "only entities of this run"},
	} {
		t.Run(name, func(t *testing.T) {
			s := told()
			test.change(s)
			_, failures := s.verify(t)
			for _, f := range failures {
				if strings.Contains(f.String(), test.want) {
					return
				}
			}
			t.Errorf("failures %v, want one with %q", failures, test.want)
		})
	}
}

func TestNotebookOfNobody(t *testing.T) {
	if err := readNotebook(filepath.Join(t.TempDir(), "none"), reading{}); err == nil {
		t.Error("readNotebook of no file = nil, want an error")
	}
}
