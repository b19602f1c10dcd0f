package proof

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
)

// What a run measures is not seen from outside but with a cluster.

func TestAround(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	acks := []ack{
		{ms(80), ms(90)},
		{ms(95), ms(101)}, // was under way at the fault
		{ms(96), ms(140)}, // was as well, and waited
		{ms(110), ms(150)},
		{ms(160), ms(190)},
		{ms(290), ms(300)},
	}
	first, pause, took := around(acks, ms(100), ms(200))
	if first != ms(50) || pause != ms(110) {
		t.Errorf("around = first %s, pause %s, want 50ms and 110ms", first, pause)
	}
	if want := []time.Duration{ms(6), ms(44), ms(40), ms(30), ms(10)}; !slices.Equal(took, want) {
		t.Errorf("around = %v, want %v", took, want)
	}
	if first, pause, _ := around(acks[:2], ms(100), ms(200)); first != -1 || pause != ms(99) {
		t.Errorf("around of a partition that did not come back = %s, %s, want -1 and 99ms", first, pause)
	}
}

func TestStatus(t *testing.T) {
	const text = `{"nodes":[{"id":7,"name":"n1","up":true},{"id":9,"name":"n2"}],"partitions":[` +
		`{"pool":"default","number":3,"leader":"n2","term":5},{"pool":"default","number":4,"leader":"n1","term":5},{"pool":"default","number":5}]}`
	var s Status
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	if one, two, three := s.led(1), s.led(2), s.led(3); !slices.Equal(one, []int{4}) || !slices.Equal(two, []int{3}) || three != nil {
		t.Errorf("led = %v, %v, %v", one, two, three)
	}
}

func TestAmiss(t *testing.T) {
	well := func() *Status {
		return &Status{
			Nodes:      []NodeStatus{{Name: "n1", Up: true, Leads: 2}, {Name: "n2", Up: true, Leads: 1}},
			Partitions: []PartitionStatus{{Pool: "default", Leader: "n1", Voters: []string{"n1", "n2"}, Place: []string{"n1", "n2"}, Behind: map[string]uint64{"n2": 3}}},
		}
	}
	if s := well(); s.amiss(2) != "" || s.uneven() != "" {
		t.Errorf("amiss = %q, uneven = %q of a cluster that is well", s.amiss(2), s.uneven())
	}
	for what, spoil := range map[string]func(s *Status){
		"a node is missing": func(s *Status) { s.Nodes = s.Nodes[:1] },
		"a node is down":    func(s *Status) { s.Nodes[1].Up = false },
		"no leader":         func(s *Status) { s.Partitions[0].Leader = "" },
		"a change":          func(s *Status) { s.Partitions[0].To = []string{"n1"} },
		"elsewhere":         func(s *Status) { s.Partitions[0].Voters = []string{"n1"} },
		"far behind":        func(s *Status) { s.Partitions[0].Behind["n2"] = 1000 },
		"no place":          func(s *Status) { s.Unplaced = "too few nodes" },
	} {
		s := well()
		spoil(s)
		if s.amiss(2) == "" {
			t.Errorf("amiss = nothing, want that %s", what)
		}
	}
	s := well()
	s.Nodes[0].Leads = 3
	if s.uneven() == "" {
		t.Error("uneven = nothing, want who leads 3 and who 1")
	}
}

func TestChangesAreSeen(t *testing.T) {
	r := newRun(&Config{Nodes: make([]Node, 2)})
	s := Status{Partitions: []PartitionStatus{{Pool: "default", Number: 1, Leader: "n1", Term: 4}, {Pool: "default", Number: 2, Leader: "n2", Term: 4}}}
	r.watch.take(s)
	r.watch.take(s)
	if len(r.watch.changes) > 0 {
		t.Errorf("changes = %v, want none", r.watch.changes)
	}
	s.Partitions = slices.Clone(s.Partitions)
	s.Partitions[1].Term = 5
	r.watch.take(s)
	if len(r.watch.changes) != 1 {
		t.Errorf("changes = %v, want one", r.watch.changes)
	}
	if led := r.watch.led([]int{2}); !slices.Equal(led, []int{2}) {
		t.Errorf("led = %v, want 2", led)
	}
}
