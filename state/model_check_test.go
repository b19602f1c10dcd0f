package state_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-rt/tutti/journal"
)

// history is what the journal has of an entity.
type history struct {
	tokens  []string            // by revision, from 1
	by      map[string][]string // tokens of a command, by member and id
	records map[string]int      // how many, by member and id
	mark    journal.Mark
}

// check compares what the clients were told with the journal.
func (m *model) check() {
	all := make(map[string]*history)
	for i := range 2 {
		l, err := m.journal.Acquire(m.t.Context(), journal.Partition{Pool: "default", Number: i})
		if err != nil {
			m.t.Fatal(err)
		}
		for s, err := range l.Read(m.t.Context(), 0) {
			if err != nil {
				m.mistake("read: %v", err)
				return
			}
			for _, r := range s.Records {
				m.fold(all, &r)
			}
		}
		for id, h := range all {
			s, ok, err := l.Snapshot(m.t.Context(), journal.Entity{Category: "tape", ID: id})
			if err != nil {
				m.mistake("snapshot: %v", err)
			}
			if ok {
				m.checkView(h, "snapshot of "+id, view{s.Mark.Revision, string(s.State)})
			}
		}
	}
	for _, c := range m.clients {
		h := all[c.id]
		if h == nil {
			h = &history{}
		}
		m.checkClient(c, h)
	}
	m.checkOnce(all)
}

func (m *model) fold(all map[string]*history, r *journal.Record) {
	h := all[r.Entity.ID]
	if h == nil {
		h = &history{by: make(map[string][]string), records: make(map[string]int)}
		all[r.Entity.ID] = h
	}
	if r.Seq != h.mark.Seq+1 || r.Revision != h.mark.Revision+uint64(len(r.Events)) {
		m.mistake("record %v of %s follows %v", r.Mark(), r.Entity, h.mark)
	}
	h.mark = r.Mark()
	key := fmt.Sprintf("%s %d", r.By, r.Command)
	if r.Command > 0 {
		if h.records[key]++; h.records[key] > 1 {
			m.mistake("%s has command %s more than once", r.Entity, key)
		}
	}
	for _, e := range r.Events {
		var p putted
		if err := json.Unmarshal(e.Data, &p); err != nil {
			m.mistake("event of %s: %v", r.Entity, err)
		}
		h.tokens = append(h.tokens, p.Token)
		if r.Command > 0 {
			h.by[key] = append(h.by[key], p.Token)
		}
	}
}

func (m *model) checkView(h *history, what string, v view) {
	var got tape
	if err := json.Unmarshal([]byte(v.data), &got); err != nil {
		m.mistake("%s at %d: %v", what, v.revision, err)
		return
	}
	if v.revision > uint64(len(h.tokens)) {
		m.mistake("%s at %d, the journal ends at %d", what, v.revision, len(h.tokens))
		return
	}
	if want := h.tokens[:v.revision]; !slices.Equal(got.Tokens, want) {
		m.mistake("%s at %d differs from the journal: %s", what, v.revision, cmp.Diff(want, got.Tokens))
	}
}

func (m *model) checkClient(c *client, h *history) {
	for _, v := range c.views {
		m.checkView(h, c.String()+" was shown a state", v)
	}
	for revision, token := range c.seen {
		if revision > uint64(len(h.tokens)) || h.tokens[revision-1] != token {
			m.mistake("%s saw %q at %d, which the journal has not", c, token, revision)
		}
	}
	for id, s := range c.sent {
		key := fmt.Sprintf("%s %d", c.member, id)
		got := h.by[key]
		switch {
		case s.kind == "query" || s.answer == "":
		case s.answer == "ack":
			if s.kind == "crash" {
				m.mistake("%s: command %d (%s) was acknowledged", c, id, s.kind)
			}
			if !slices.Equal(got, tokensOf(s.kind, s.token)) {
				m.mistake("%s: command %d (%s) was acknowledged, and the journal has %q of it", c, id, s.kind, got)
			}
			if (s.kind == "delay" || s.kind == "relay") && h.records[key] != 1 {
				m.mistake("%s: command %d (%s) was acknowledged and is not in the journal", c, id, s.kind)
			}
		default:
			if h.records[key] != 0 {
				m.mistake("%s: command %d (%s) got %s, and the journal has %q of it", c, id, s.kind, s.answer, got)
			}
			if s.answer != "reject forgotten" && s.kind != "deny" && s.kind != "crash" {
				m.mistake("%s: command %d (%s) got %s", c, id, s.kind, s.answer)
			}
		}
	}
}

// checkOnce looks for what came later of commands: every timer fired once and every message was taken once; and
// whoever came has gone before coming again.
func (m *model) checkOnce(all map[string]*history) {
	count := make(map[string]int)
	for id, h := range all {
		for _, token := range h.tokens {
			if !strings.Contains(token, " ") {
				count[token]++
			}
			if who, ok := strings.CutPrefix(token, "came "); ok {
				if count[id+who]++; count[id+who] > 1 {
					m.mistake("%s came to %s again without having gone", who, id)
				}
			}
			if who, ok := strings.CutPrefix(token, "gone "); ok {
				if count[id+who]--; count[id+who] < 0 {
					m.mistake("%s has gone from %s without having come", who, id)
				}
			}
		}
	}
	for _, c := range m.clients {
		if count[c.id+c.member] > 0 {
			m.mistake("%s came and never went", c)
		}
		for id, s := range c.sent {
			if n := count[s.token]; s.token != "" && n > 1 {
				m.mistake("%s: command %d (%s) took place %d times", c, id, s.kind, n)
			} else if (s.kind == "delay" || s.kind == "relay") && s.answer == "ack" && n != 1 {
				m.mistake("%s: command %d (%s) was acknowledged and nothing came of it", c, id, s.kind)
			}
		}
	}
}
