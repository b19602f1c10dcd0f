package histories_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti/internal/histories"
)

// honest makes up what clients of an entity that takes one command at a time are told: some are in doubt, some refused.
func honest(category string, seed uint64, ops int) *histories.History {
	r := rand.New(rand.NewPCG(seed, 1))
	h := &histories.History{Category: category, ID: "1", Sights: map[string][]histories.Sight{
		"early": {{State: true, Event: histories.Event{Data: []byte(`{"n":0}`)}}},
	}}
	var n int64
	ids := make(map[int]uint64)
	for i := range ops {
		now := time.Duration(i+1) * time.Millisecond // when it happens; what is told takes a while
		late := func() time.Duration { return time.Duration(1 + r.IntN(int(3*time.Millisecond))) }
		client := i % 4
		ids[client]++
		o := histories.Op{Client: client, Member: fmt.Sprint("m", client), ID: ids[client], Began: now - late(), Ended: now + late(), Outcome: histories.Acked}
		last := uint64(len(h.Final))
		value := r.Int64N(1000) + 1
		switch {
		case r.IntN(4) == 0:
			o.Query, o.Name, o.Revision, o.Reply = true, "get", last, fmt.Appendf(nil, `{"n":%d}`, n)
			h.Ops = append(h.Ops, o)
			continue
		case category == histories.Counter:
			o.Name, o.Data = "add", fmt.Appendf(nil, `{"by":%d}`, value)
		default:
			o.Name, o.Data = "put", fmt.Appendf(nil, `{"n":%d}`, value)
			if r.IntN(3) == 0 {
				o.HasExpect, o.Expect = true, last-min(last, uint64(r.IntN(2)))
			}
		}
		if o.HasExpect && o.Expect != last {
			o.Outcome, o.Code = histories.Rejected, "conflict"
			h.Ops = append(h.Ops, o)
			continue
		}
		doubt := r.IntN(20) == 0
		if doubt {
			o.Outcome = histories.Unknown
		}
		if !doubt || r.IntN(2) == 0 {
			name := "stored"
			if n += value; category == histories.Cell {
				n = value
			} else {
				name = "added"
			}
			e := histories.Event{Revision: last + 1, Name: name, Data: o.Data, By: o.Member, Command: o.ID}
			h.Final = append(h.Final, e)
			h.Sights["early"] = append(h.Sights["early"], histories.Sight{At: now + late(), Event: e})
			if i == ops/2 {
				h.Sights["late"] = []histories.Sight{{At: now + late(), State: true, Event: histories.Event{Revision: last + 1, Data: fmt.Appendf(nil, `{"n":%d}`, n)}}}
			} else if len(h.Sights["late"]) > 0 {
				h.Sights["late"] = append(h.Sights["late"], histories.Sight{At: now + late(), Event: e})
			}
			if !doubt {
				o.Revision = last + 1
				if r.IntN(3) > 0 {
					o.Reply = fmt.Appendf(nil, `{"n":%d}`, n)
				}
			}
		}
		h.Ops = append(h.Ops, o)
	}
	return h
}

// judge returns what both judges say.
func judge(t testing.TB, h *histories.History) (histories.Verdict, *histories.Judge) {
	t.Helper()
	verdict, err := h.Linear(20*time.Second, "")
	if err != nil {
		t.Fatal(err)
	}
	j := histories.NewJudge()
	j.Hear(h)
	j.Close()
	return verdict, j
}

func TestTruthIsBelieved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		category := rapid.SampledFrom([]string{histories.Cell, histories.Counter}).Draw(t, "category")
		h := honest(category, rapid.Uint64().Draw(t, "seed"), rapid.IntRange(0, 60).Draw(t, "ops"))
		j := histories.NewJudge()
		j.Hear(h)
		j.Close()
		if len(j.Violations) > 0 {
			t.Fatalf("the judge found %v", j.Violations)
		}
		if verdict, err := h.Linear(20*time.Second, ""); verdict != histories.Linearizable || err != nil {
			t.Fatalf("Linear = %s, %v", verdict, err)
		}
	})
}

// The first operation of a kind in the middle of a history.
func find(h *histories.History, f func(o *histories.Op) bool) *histories.Op {
	for i := len(h.Ops) / 2; i < len(h.Ops); i++ {
		if f(&h.Ops[i]) {
			return &h.Ops[i]
		}
	}
	panic("no such operation")
}

func command(o *histories.Op) bool { return !o.Query && o.Outcome == histories.Acked }
func query(o *histories.Op) bool   { return o.Query }

// renumber gives events their places, as a store that has lost or doubled something does.
func renumber(h *histories.History) {
	for i := range h.Final {
		h.Final[i].Revision = uint64(i + 1)
	}
}

// TestLiesAreFound alters a history as a platform that is wrong would have: the judge names what is wrong, and
// the search, where commands and queries alone show it, finds it as well.
func TestLiesAreFound(t *testing.T) {
	for name, lie := range map[string]struct {
		category string
		tell     func(h *histories.History)
		want     string
		search   bool // finds it as well
	}{
		"a lost acknowledgement": {histories.Cell, func(h *histories.History) {
			o := find(h, command)
			h.Final = append(h.Final[:o.Revision-1:o.Revision-1], h.Final[o.Revision:]...)
			renumber(h)
		}, "is not lost", false},
		"a lost tail": {histories.Counter, func(h *histories.History) { h.Final = h.Final[:len(h.Final)-1] }, "shown is stored", false},
		"a command that is lost for those who ask": {histories.Counter, func(h *histories.History) {
			o, at := find(h, command), time.Duration(0)
			for i := range h.Ops {
				at = max(at, h.Ops[i].Ended)
			}
			h.Ops = append(h.Ops, histories.Op{
				Client: 9, Query: true, Name: "get", Began: at + 1, Ended: at + 2, Outcome: histories.Acked,
				Revision: o.Revision - 1, Reply: []byte(`{"n":0}`),
			})
		}, "answered with no less", true},
		"a stale read": {histories.Cell, func(h *histories.History) {
			o := find(h, query)
			o.Revision, o.Reply = 0, []byte(`{"n":0}`)
		}, "answered with no less", true},
		"a read of the future": {histories.Cell, func(h *histories.History) { find(h, query).Revision += 400 }, "shown is stored", true},
		"a wrong read":         {histories.Counter, func(h *histories.History) { find(h, query).Reply = []byte(`{"n":-5}`) }, "fold of the events", true},
		"a wrong reply": {histories.Counter, func(h *histories.History) {
			find(h, command).Reply = []byte(`{"n":-5}`)
		}, "fold of the events", true},
		"a command applied twice": {histories.Counter, func(h *histories.History) {
			h.Final = append(h.Final, h.Final[len(h.Final)/2])
			renumber(h)
		}, "effect once", false},
		"a command applied twice, shown by a query": {histories.Counter, func(h *histories.History) {
			e := h.Final[len(h.Final)-1]
			e.Revision++
			h.Final = append(h.Final, e)
			var sum, by int64
			for _, e := range h.Final {
				fmt.Sscanf(string(e.Data), `{"by":%d}`, &by)
				sum += by
			}
			h.Ops = append(h.Ops, histories.Op{
				Client: 9, Query: true, Name: "get", Began: time.Hour, Ended: time.Hour + 1, Outcome: histories.Acked,
				Revision: e.Revision, Reply: fmt.Appendf(nil, `{"n":%d}`, sum),
			})
			for i := range h.Ops { // nobody is in doubt about anything
				if o := &h.Ops[i]; o.Outcome == histories.Unknown {
					o.Outcome, o.Code = histories.Rejected, "unavailable"
				}
			}
		}, "effect once", true},
		"an event shown that vanished": {histories.Cell, func(h *histories.History) {
			h.Sights["early"] = append(h.Sights["early"], histories.Sight{At: time.Hour, Event: histories.Event{
				Revision: uint64(len(h.Final) + 1), Name: "stored", Data: []byte(`{"n":1}`), By: "m1", Command: 9999,
			}})
		}, "event that was shown is stored", false},
		"an event shown that became another": {histories.Cell, func(h *histories.History) {
			h.Sights["early"][5].Data = []byte(`{"n":123456}`)
		}, "shown as it is stored", false},
		"a gap":                {histories.Cell, func(h *histories.History) { s := h.Sights["early"]; h.Sights["early"] = append(s[:5:5], s[6:]...) }, "once and in order", false},
		"a doubled delivery":   {histories.Cell, func(h *histories.History) { s := h.Sights["early"]; h.Sights["early"] = append(s[:6:6], s[5:]...) }, "once and in order", false},
		"two orders":           {histories.Cell, func(h *histories.History) { s := h.Sights["early"]; s[5], s[6] = s[6], s[5] }, "once and in order", false},
		"a state of the past":  {histories.Cell, func(h *histories.History) { h.Sights["early"] = append(h.Sights["early"], h.Sights["late"][0]) }, "not older", false},
		"a wrong state":        {histories.Cell, func(h *histories.History) { h.Sights["late"][0].Data = []byte(`{"n":-1}`) }, "fold of the events", false},
		"an event from nobody": {histories.Cell, func(h *histories.History) { h.Final[7].By = "x" }, "sent by somebody", false},
		"an event shown before its command": {histories.Cell, func(h *histories.History) {
			o := find(h, command)
			o.Began, o.Ended = time.Hour, time.Hour+1
		}, "before it was commanded", true},
		"a rejected command stored": {histories.Counter, func(h *histories.History) {
			o := find(h, command)
			o.Outcome, o.Code = histories.Rejected, "unavailable"
		}, "rejected command is not stored", true},
		"a rejection out of nothing": {histories.Counter, func(h *histories.History) {
			o := find(h, command)
			o.Outcome, o.Code = histories.Rejected, "internal"
		}, "not rejected so", true},
		"a condition that did not hold": {histories.Cell, func(h *histories.History) {
			o := find(h, func(o *histories.Op) bool { return command(o) && o.HasExpect })
			o.Expect--
		}, "expects a revision", true},
		"a conflict with nothing": {histories.Cell, func(h *histories.History) {
			at := time.Duration(0)
			for i := range h.Ops {
				at = max(at, h.Ops[i].Ended)
			}
			for range 2 {
				h.Ops = append(h.Ops, histories.Op{
					Client: 9, Member: "m9", ID: uint64(at), Name: "put", Data: []byte(`{"n":1}`), HasExpect: true, Expect: uint64(len(h.Final)),
					Began: at + 1, Ended: at + 2, Outcome: histories.Rejected, Code: "conflict",
				})
				at += 2
			}
		}, "a conflict is with something", false},
		"a conflict with what came later": {histories.Cell, func(h *histories.History) {
			o := find(h, func(o *histories.Op) bool { return o.Outcome == histories.Rejected && o.Code == "conflict" })
			e := h.Final[len(h.Final)-1]
			for i := range h.Ops {
				if p := &h.Ops[i]; p.Member == e.By && p.ID == e.Command {
					p.Began = max(p.Began, o.Ended+1)
				}
			}
			o.Expect = uint64(len(h.Final) - 1)
		}, "commanded later", false},
		"a wrong revision": {histories.Cell, func(h *histories.History) { find(h, command).Revision-- }, "revision of its acknowledgement", true},
		"another command stored": {histories.Cell, func(h *histories.History) {
			h.Final[find(h, command).Revision-1].Data = []byte(`{"n":77777}`)
		}, "as it was sent", false},
		"commands out of order": {histories.Cell, func(h *histories.History) {
			h.Final[8].Command, h.Final[8].By = 999, "m1"
			h.Final[20].Command, h.Final[20].By = 998, "m1"
		}, "in order", false},
	} {
		t.Run(name, func(t *testing.T) {
			h := honest(lie.category, 7, 400)
			lie.tell(h)
			verdict, j := judge(t, h)
			if (verdict == histories.Impossible) != lie.search {
				t.Errorf("Linear = %s, want it to find this: %v", verdict, lie.search)
			}
			for _, v := range j.Violations {
				if strings.Contains(v.String(), lie.want) {
					return
				}
			}
			t.Errorf("the judge found %v, want one with %q", j.Violations, lie.want)
		})
	}
}

func TestThePictureIsDrawn(t *testing.T) {
	h := honest(histories.Cell, 7, 50)
	find(h, query).Reply = []byte(`{"n":-1}`)
	file := filepath.Join(t.TempDir(), "cell.html")
	if verdict, err := h.Linear(time.Second, file); verdict != histories.Impossible || err != nil {
		t.Fatalf("Linear = %s, %v", verdict, err)
	}
	if page, err := os.ReadFile(file); err != nil || !strings.Contains(string(page), "<html") {
		t.Errorf("the picture: %v, %.100s", err, page)
	}
}

// accounts is a transfer that was taken and one that was returned.
func accounts() (one, two *histories.History) {
	event := func(rev uint64, name, data string, command uint64) histories.Event {
		e := histories.Event{Revision: rev, Name: name, Data: []byte(data), Command: command}
		if command > 0 {
			e.By = "m"
		}
		return e
	}
	op := func(id, rev uint64, name, data string) histories.Op {
		return histories.Op{Member: "m", ID: id, Name: name, Data: []byte(data), Outcome: histories.Acked, Revision: rev, Began: time.Duration(10 * id), Ended: time.Duration(10*id + 5)}
	}
	one = &histories.History{
		Category: histories.Account, ID: "1",
		Final: []histories.Event{
			event(1, "deposited", `{"amount":10}`, 1),
			event(2, "transferred", `{"key":"a","to":"2","amount":4}`, 2),
			event(3, "settled", `{"key":"a"}`, 0),
			event(4, "transferred", `{"key":"b","to":"2","amount":3}`, 3),
			event(5, "overdue", `{"key":"b"}`, 0),
			event(6, "returned", `{"key":"b"}`, 0),
		},
		Ops: []histories.Op{
			op(1, 1, "deposit", `{"amount":10}`), op(2, 2, "transfer", `{"key":"a","to":"2","amount":4}`), op(3, 4, "transfer", `{"key":"b","to":"2","amount":3}`),
			{
				Query: true, Name: "get", Outcome: histories.Acked, Revision: 5, Began: 60, Ended: 70,
				Reply: []byte(`{"balance":3,"waiting":{"b":{"amount":3,"late":true}},"late":1}`),
			},
		},
	}
	two = &histories.History{Category: histories.Account, ID: "2", Final: []histories.Event{event(1, "credited", `{"from":"1","key":"a","amount":4}`, 0)}}
	return one, two
}

func TestMoneyAddsUp(t *testing.T) {
	for name, test := range map[string]struct {
		lie  func(one, two *histories.History)
		want string // empty: all is well
	}{
		"the truth":         {func(_, _ *histories.History) {}, ""},
		"money lost":        {func(_, two *histories.History) { two.Final[0].Data = []byte(`{"from":"1","key":"a","amount":3}`) }, "made nor lost"},
		"money never taken": {func(_, two *histories.History) { two.Final = nil }, "made nor lost"},
		"money taken twice": {func(_, two *histories.History) {
			e := two.Final[0]
			e.Revision = 2
			two.Final = append(two.Final, e)
		}, "made nor lost"},
		"a receipt twice": {func(one, _ *histories.History) {
			e := one.Final[2]
			e.Revision = 7
			one.Final = append(one.Final, e)
		}, "does not wait for it"},
		"money on its way":       {func(one, _ *histories.History) { one.Final = one.Final[:5] }, "answered in the end"},
		"a wrong answer":         {func(one, _ *histories.History) { one.Ops[3].Reply = []byte(`{"balance":4,"waiting":{},"late":1}`) }, "fold of the events"},
		"a transfer of too much": {func(one, _ *histories.History) { one.Final[0].Data = []byte(`{"amount":1}`) }, "had to be refused"},
	} {
		t.Run(name, func(t *testing.T) {
			one, two := accounts()
			test.lie(one, two)
			j := histories.NewJudge()
			j.Hear(one)
			j.Hear(two)
			j.Close()
			if test.want == "" {
				if len(j.Violations) > 0 || j.Counts.Sent != 2 {
					t.Errorf("the judge found %v, and %d transfers", j.Violations, j.Counts.Sent)
				}
				return
			}
			for _, v := range j.Violations {
				if strings.Contains(v.String(), test.want) {
					return
				}
			}
			t.Errorf("the judge found %v, want one with %q", j.Violations, test.want)
		})
	}
}

func TestRecorder(t *testing.T) {
	r := histories.NewRecorder()
	e := histories.Event{Revision: 1, Name: "added", Data: []byte(`{"by":2}`), By: "m", Command: 1}
	began := r.Now()
	r.Did("counter", "b", histories.Op{Member: "m", ID: 1, Name: "add", Data: e.Data, Began: began, Ended: r.Now(), Outcome: histories.Acked, Revision: 1})
	r.Saw("counter", "b", "v", histories.Sight{At: r.Now(), Event: e})
	r.Ended("counter", "b", []histories.Event{e})
	r.Ended("counter", "a", nil)
	all := r.Histories()
	if len(all) != 2 || all[0].Name() != "counter/a" {
		t.Fatalf("Histories = %v", all)
	}
	if verdict, j := judge(t, all[1]); verdict != histories.Linearizable || len(j.Violations) > 0 || j.Counts.Acked != 1 || j.Counts.Shown != 1 {
		t.Errorf("judged %s, %v, %+v", verdict, j.Violations, j.Counts)
	}
}
