package test_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/cmd/tutti/demo"
)

// TestCompareNotices: the comparison after the kills is worth what it can find.
func TestCompareNotices(t *testing.T) {
	add := func(by int) any { return map[string]int{"by": by} }
	event := func(rev uint64, data string) client.Event {
		return client.Event{Revision: rev, Name: "added", Data: json.RawMessage(data), By: "m", Command: rev}
	}
	state := func(rev uint64, data string) client.State {
		return client.State{Revision: rev, Data: json.RawMessage(data)}
	}
	story := func() (*history, *member) {
		return &history{category: demo.Counters.Untyped(), events: []stored{
			{name: "added", by: "m", command: 1, data: []byte(`{"by":2}`)},
			{name: "added", by: "m", command: 2, data: []byte(`{"by":3}`)},
		}}, &member{
			entity: "counter/1", name: "m",
			sent: []sent{
				{name: "add", data: add(2), valid: true},
				{name: "add", data: add(3), valid: true},
				{name: "add", data: add(0), err: &client.Rejected{Code: "invalid"}},
			},
			observed: []client.Update{state(0, `{"n":0}`), event(1, `{"by":2}`), event(2, `{"by":3}`), state(2, `{"n":5}`)},
		}
	}
	for name, test := range map[string]struct {
		change func(h *history, m *member)
		want   string
	}{
		"nothing wrong":          {func(*history, *member) {}, ""},
		"a lost command":         {func(h *history, _ *member) { h.events = h.events[:1] }, "is lost"},
		"a doubled command":      {func(h *history, _ *member) { h.events[1] = h.events[0] }, "applied twice"},
		"another command stored": {func(h *history, _ *member) { h.events[1].data = []byte(`{"by":4}`) }, "is stored as"},
		"a stranger's event": {func(h *history, _ *member) {
			h.events = append(h.events, stored{name: "added", by: "x", command: 1, data: []byte(`{"by":1}`)})
		}, "no member sent"},
		"a rejected one stored": {func(_ *history, m *member) { m.sent[1].err = &client.Rejected{Code: "invalid"} }, "was rejected as invalid"},
		"one rejected wrongly": {func(h *history, m *member) {
			h.events = h.events[:1]
			m.sent[1].err = &client.Rejected{Code: "unavailable"}
		}, "unavailable"},
		"one forgotten that had to be done": {func(h *history, m *member) {
			h.events = h.events[:1]
			m.sent[1].err = &client.Rejected{Code: "forgotten"}
		}, "forgotten"},
		"a wrong one acknowledged": {func(_ *history, m *member) { m.sent[2].err = nil }, "want a rejection"},
		"no outcome":               {func(_ *history, m *member) { m.sent[1].err = client.ErrFateUnknown }, client.ErrFateUnknown.Error()},
		"a gap":                    {func(_ *history, m *member) { m.observed = append(m.observed[:1], m.observed[2:]...) }, "got event 2 after 0"},
		"a repetition":             {func(_ *history, m *member) { m.observed = append(m.observed, event(2, `{"by":3}`)) }, "got event 2 after 2"},
		"another event shown":      {func(_ *history, m *member) { m.observed[1] = event(1, `{"by":9}`) }, "stored is"},
		"an event not stored":      {func(_ *history, m *member) { m.observed = append(m.observed, event(3, `{"by":1}`)) }, "the journal has 2"},
		"the end not shown":        {func(_ *history, m *member) { m.observed = m.observed[:2] }, "up to event 1 of 2"},
		"a wrong state":            {func(_ *history, m *member) { m.observed[3] = state(2, `{"n":6}`) }, "the replay gives"},
	} {
		h, m := story()
		test.change(h, m)
		err := compare(h, []*member{m}, &tally{})
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: compare = %v, want %q", name, err, test.want)
		}
	}
}
