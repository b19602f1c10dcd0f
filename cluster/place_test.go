package cluster_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/journal"
)

func partitions(pool string, n int) []journal.Partition {
	all := make([]journal.Partition, n)
	for i := range all {
		all[i] = journal.Partition{Pool: pool, Number: i}
	}
	return all
}

func node(id int, labels ...string) cluster.Node {
	all, err := cluster.ParseLabels(labels)
	if err != nil {
		panic(err)
	}
	return cluster.Node{ID: journal.NodeID(id), Name: fmt.Sprintf("n%d", id), Address: "h:1", State: true, Labels: all}
}

// TestPlace: replicas are odd in number, on nodes that may hold them, and all different.
func TestPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var nodes []cluster.Node
		may := make(map[journal.NodeID]bool)
		for i := range rapid.IntRange(1, 12).Draw(t, "nodes") {
			n := node(i + 1)
			n.Weight = rapid.IntRange(0, cluster.MaxWeight).Draw(t, "weight")
			n.State, n.Edge = rapid.Float64Range(0, 1).Draw(t, "state") > 0.2, true
			n.Draining = rapid.Float64Range(0, 1).Draw(t, "draining") > 0.8
			n.Labels = map[string]string{"region": rapid.SampledFrom([]string{"eu", "us"}).Draw(t, "region")}
			nodes = append(nodes, n)
			may[n.ID] = n.State && !n.Draining && n.Labels["region"] == "eu"
		}
		maps.DeleteFunc(may, func(_ journal.NodeID, ok bool) bool { return !ok })
		rule := cluster.Rule{Require: map[string]string{"region": "eu"}, Replicas: rapid.SampledFrom([]int{0, 1, 3, 5}).Draw(t, "replicas")}
		l := cluster.Layout{Pools: map[string]cluster.Rule{"eu": rule}}
		all := partitions("eu", 16)
		places, err := l.Place(nodes, all)
		want := rule.Replicas
		if want == 0 {
			want = min(3, len(may)-1+len(may)%2)
		}
		if len(may) < max(want, 1) {
			if !errors.Is(err, cluster.ErrCannotPlace) || len(places) > 0 || !strings.Contains(err.Error(), `"eu"`) {
				t.Fatalf("Place = %v, %v, want nothing and ErrCannotPlace", places, err)
			}
			return
		}
		if err != nil || len(places) != len(all) {
			t.Fatalf("Place = %d places, %v, want %d", len(places), err, len(all))
		}
		for p, ids := range places {
			different := make(map[journal.NodeID]bool)
			for _, id := range ids {
				if different[id] = true; !may[id] {
					t.Fatalf("%s is at node %d, which may not hold it", p, id)
				}
			}
			if len(ids) != want || len(different) != want {
				t.Fatalf("%s is at %v, want %d nodes", p, ids, want)
			}
		}
	})
}

// TestPlaceMovesLittle: a node that comes takes its share and moves nothing between the others.
func TestPlaceMovesLittle(t *testing.T) {
	var l cluster.Layout
	all := partitions("p", 1000)
	nodes := []cluster.Node{node(1), node(2), node(3), node(4), node(5)}
	before, err := l.Place(nodes, all)
	if err != nil {
		t.Fatal(err)
	}
	after, err := l.Place(append(nodes, node(6)), all)
	if err != nil {
		t.Fatal(err)
	}
	moved := 0
	for p, ids := range after {
		came := slices.DeleteFunc(slices.Clone(ids), func(id journal.NodeID) bool { return slices.Contains(before[p], id) })
		if len(came) > 1 || len(came) == 1 && came[0] != 6 {
			t.Fatalf("%s moved from %v to %v", p, before[p], ids)
		}
		moved += len(came)
	}
	if moved < 400 || moved > 600 {
		t.Errorf("the sixth node got %d of 3,000 replicas, want about 500", moved)
	}
}

// TestPlaceByWeight: a node of twice the weight holds twice as much, where there are enough nodes to choose from.
func TestPlaceByWeight(t *testing.T) {
	l := cluster.Layout{Replicas: 1}
	nodes := []cluster.Node{node(1), node(2), node(3)}
	nodes[2].Weight = 200
	places, err := l.Place(nodes, partitions("p", 4000))
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[journal.NodeID]int)
	for _, ids := range places {
		got[ids[0]]++
	}
	for id, want := range map[journal.NodeID]int{1: 1000, 2: 1000, 3: 2000} {
		if got[id] < want-150 || got[id] > want+150 {
			t.Errorf("node %d holds %d of 4,000, want about %d", id, got[id], want)
		}
	}
}

// TestPlaceSpreads over the values of a label, and not less where there are too few of them.
func TestPlaceSpreads(t *testing.T) {
	l := cluster.Layout{Pools: map[string]cluster.Rule{"p": {Spread: "zone"}}}
	nodes := []cluster.Node{node(1, "zone=a"), node(2, "zone=a"), node(3, "zone=a"), node(4, "zone=b"), node(5, "zone=c")}
	for _, few := range []bool{false, true} {
		if few {
			nodes = nodes[:4]
		}
		places, err := l.Place(nodes, partitions("p", 64))
		if err != nil {
			t.Fatal(err)
		}
		for p, ids := range places {
			b, c := slices.Contains(ids, 4), slices.Contains(ids, 5)
			if len(ids) != 3 || !b || c == few {
				t.Errorf("%s is at %v: want one in zone b, and one in zone c where there is such a node", p, ids)
			}
		}
	}
}

func TestCannotPlace(t *testing.T) {
	l, err := cluster.ParseLayout(strings.NewReader("pools:\n  accounts: {replicas: 3, require: {region: eu}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Place([]cluster.Node{node(1, "region=eu"), node(2, "region=us")}, append(partitions("accounts", 2), partitions("other", 2)...))
	want := `cluster: the layout cannot be satisfied: pool "accounts" wants 3 replicas on nodes with region=eu, and 1 node (n1) may hold them; other labels have n2`
	if err == nil || err.Error() != want {
		t.Errorf("Place = %v, want %s", err, want)
	}
}

func TestParseLayout(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "",
		"replicas: 5":                         "",
		"replicas: 2":                         "replicas is 2, allowed are 1, 3, 5 and 7",
		"replica: 3":                          `unknown field "replica"`,
		"pools: [":                            "sequence end token",
		"moves: 1000":                         "moves is 1000, allowed are 1 to 64",
		"rate: 5":                             "at least 65536 are needed",
		"pools: {a: {replicas: 9}}":           `pool "a": replicas is 9`,
		"pools: {a: {require: {Region: eu}}}": `label is "Region=eu"`,
		"pools: {a: {spread: ''}}":            "",
		"pools: {a: {spread: '+'}}":           `spread is "+"`,
		"pools:\n  a: {replicas: 1}\n  a: {replicas: 3}": "already defined",
		strings.Repeat("#", 1<<16+1):                     "more than 65536 bytes",
	} {
		_, err := cluster.ParseLayout(strings.NewReader(text))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("ParseLayout(%.60q) = %v, want %q", text, err, want)
		}
	}
}

// TestAllows: replicas of a pool are for nodes that hold data, are not to go, and have each label that its rule requires.
func TestAllows(t *testing.T) {
	l := cluster.Layout{Pools: map[string]cluster.Rule{"eu": {Require: map[string]string{"region": "eu", "disk": "fast"}}}}
	drains, edge := node(1, "region=eu", "disk=fast"), node(1, "region=eu", "disk=fast")
	drains.Draining, edge.State = true, false
	for name, c := range map[string]struct {
		node     cluster.Node
		eu, open bool
	}{
		"all labels":    {node(1, "region=eu", "disk=fast", "rack=1"), true, true},
		"one label":     {node(1, "region=eu"), false, true},
		"another value": {node(1, "region=eu", "disk=slow"), false, true},
		"no label":      {node(1), false, true},
		"drains":        {drains, false, false},
		"an edge":       {edge, false, false},
	} {
		if eu, open := l.Allows(&c.node, "eu"), l.Allows(&c.node, "default"); eu != c.eu || open != c.open {
			t.Errorf("%s: Allows = %t with a rule and %t without, want %t and %t", name, eu, open, c.eu, c.open)
		}
	}
}

func FuzzParseLayout(f *testing.F) {
	f.Add("pools: {a: {require: {region: eu}, spread: zone, replicas: 3}}\nmoves: 3\nrate: 100000\n")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := cluster.ParseLayout(strings.NewReader(text))
		if err != nil {
			return
		}
		if err := l.Check(); err != nil {
			t.Errorf("a layout that was read has a mistake: %v", err)
		}
		_, _ = l.Place([]cluster.Node{node(1), node(2)}, partitions("a", 2)) // has to return
	})
}

func TestCheckNode(t *testing.T) {
	good := node(1, "region=eu")
	if err := good.Check(); err != nil {
		t.Errorf("Check = %v", err)
	}
	bad := cluster.Node{Name: "-x", Address: "nowhere", Routes: "x", Weight: 5000, Labels: map[string]string{"A": ""}}
	err := bad.Check()
	for _, want := range []string{`name is "-x"`, `address is "nowhere"`, `address of routes is "x"`, "no role", "weight is 5000", `label is "A="`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Check = %v, want %q in it", err, want)
		}
	}
	for _, labels := range [][]string{{"x"}, {"a=1", "a=2"}, {"a="}, {"=b"}} {
		if _, err := cluster.ParseLabels(labels); err == nil {
			t.Errorf("ParseLabels(%q) = nil, want an error", labels)
		}
	}
}

// TestPlaceKeepsWhatDrains: a node that drains keeps its replicas until another node can take them, and gets none.
func TestPlaceKeepsWhatDrains(t *testing.T) {
	all := partitions("default", 32)
	nodes := []cluster.Node{node(1), node(2), node(3)}
	var l cluster.Layout
	voters, err := l.Place(nodes, all)
	if err != nil {
		t.Fatal(err)
	}
	nodes[0].Draining = true
	check := func(want ...journal.NodeID) {
		t.Helper()
		places, err := l.PlaceFrom(nodes, all, voters)
		if err != nil {
			t.Fatal(err)
		}
		for p, ids := range places {
			if slices.Sort(ids); !slices.Equal(ids, want) {
				t.Fatalf("%s belongs to %v, want %v", p, ids, want)
			}
		}
	}
	check(1, 2, 3)
	nodes[1].Draining = true
	check(1, 2, 3)
	nodes[1].Draining = false
	nodes = append(nodes, node(4))
	check(2, 3, 4)

	// What another one has taken does not come back.
	for p := range voters {
		voters[p] = []journal.NodeID{2, 3, 4}
	}
	nodes[3].Draining = true
	check(2, 3, 4)

	// A pool that insists on its number refuses, and one that excludes the node does not keep it there.
	l.Pools = map[string]cluster.Rule{"default": {Replicas: 3}}
	if _, err := l.PlaceFrom(nodes, all, voters); !errors.Is(err, cluster.ErrCannotPlace) {
		t.Errorf("PlaceFrom with two nodes for a pool that insists on three = %v, want ErrCannotPlace", err)
	}
	nodes[3].Labels = map[string]string{"region": "us"}
	nodes[1].Labels = map[string]string{"region": "eu"}
	nodes[2].Labels = map[string]string{"region": "eu"}
	l.Pools = map[string]cluster.Rule{"default": {Require: map[string]string{"region": "eu"}}}
	places, err := l.PlaceFrom(nodes, all, voters)
	if err != nil {
		t.Fatal(err)
	}
	for p, ids := range places {
		if slices.Contains(ids, 4) || len(ids) != 1 {
			t.Fatalf("%s belongs to %v, want one of 2 and 3", p, ids)
		}
	}
}
