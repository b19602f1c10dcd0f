package cluster_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/tuttitest"
)

const key = "0123456789abcdef"

func member(id int, name string, labels ...string) cluster.Node {
	n := node(id, labels...)
	n.Name = name
	return n
}

// threeNodes is a cluster of a, b and c with one pool.
func threeNodes() []any {
	return []any{
		cluster.Founded{Cluster: "prod", Journal: "J"},
		cluster.Joined{Node: member(1, "a", "region=eu")},
		cluster.Joined{Node: member(2, "b", "region=eu"), Key: key},
		cluster.Joined{Node: member(3, "c", "region=us"), Key: key},
		cluster.Laid{Pool: cluster.Pool{Name: "default", Partitions: 16, Home: 1}},
	}
}

func TestFound(t *testing.T) {
	a := member(1, "a")
	tuttitest.Given(t, cluster.Members).When(cluster.Found{Cluster: "prod", Journal: "J", Node: a}).
		Then(cluster.Founded{Cluster: "prod", Journal: "J"}, cluster.Joined{Node: a})
	tuttitest.Given(t, cluster.Members, threeNodes()...).When(cluster.Found{Cluster: "prod", Journal: "J", Node: a}).Then()
	tuttitest.Given(t, cluster.Members, threeNodes()...).When(cluster.Found{Cluster: "prod", Journal: "K", Node: a}).ThenRejects(cluster.CodeOtherCluster)
	tuttitest.Given(t, cluster.Members).When(cluster.Found{Node: a}).ThenRejects(cluster.CodeInvalid)
}

func TestJoin(t *testing.T) {
	d := member(0, "d")
	joined := d
	joined.ID = 4
	join := cluster.Join{Cluster: "prod", Key: key, Node: d}
	tuttitest.Given(t, cluster.Members, threeNodes()...).When(join).Then(cluster.Joined{Node: joined, Key: key})
	// Once more, since the answer was lost.
	tuttitest.Given(t, cluster.Members, append(threeNodes(), cluster.Joined{Node: joined, Key: key})...).When(join).Then()
	// An ID is never given twice.
	joined.ID = 5
	tuttitest.Given(t, cluster.Members, append(threeNodes(), cluster.Joined{Node: member(4, "x")}, cluster.Removed{ID: 4})...).When(join).
		Then(cluster.Joined{Node: joined, Key: key})
	drained := member(2, "b", "region=eu")
	drained.Draining = true
	tuttitest.Given(t, cluster.Members, append(threeNodes(), cluster.Joined{Node: member(4, "x")}, cluster.Joined{Node: drained, Key: key})...).When(join).
		Then(cluster.Joined{Node: joined, Key: key})
	for code, wrong := range map[string]cluster.Join{
		cluster.CodeNameTaken:    {Cluster: "prod", Key: strings.Repeat("z", 16), Node: member(0, "b")},
		cluster.CodeOtherCluster: {Cluster: "test", Key: key, Node: d},
		cluster.CodeInvalid:      {Cluster: "prod", Key: "short", Node: d},
	} {
		tuttitest.Given(t, cluster.Members, threeNodes()...).When(wrong).ThenRejects(code)
	}
	tuttitest.Given(t, cluster.Members).When(join).ThenRejects(cluster.CodeNoCluster)
}

// TestFullCluster: no node joins a cluster that has as many as may be, and one that has joined may ask once more.
func TestFullCluster(t *testing.T) {
	full := []any{cluster.Founded{Cluster: "prod", Journal: "J"}}
	for id := 1; id < cluster.MaxNodes; id++ {
		full = append(full, cluster.Joined{Node: member(id, fmt.Sprint("n", id))})
	}
	last := member(cluster.MaxNodes, "last")
	join := cluster.Join{Cluster: "prod", Key: key, Node: member(0, "last")}
	tuttitest.Given(t, cluster.Members, full...).When(join).Then(cluster.Joined{Node: last, Key: key})
	full = append(full, cluster.Joined{Node: last, Key: key})
	tuttitest.Given(t, cluster.Members, full...).When(join).Then()
	join.Node.Name = "other"
	tuttitest.Given(t, cluster.Members, full...).When(join).ThenRejects(cluster.CodeClusterIsFull)
}

func TestReport(t *testing.T) {
	b := member(2, "b", "region=eu", "disk=fast")
	tuttitest.Given(t, cluster.Members, threeNodes()...).When(cluster.Report{Node: b}).Then(cluster.Joined{Node: b, Key: key})
	tuttitest.Given(t, cluster.Members, threeNodes()...).When(cluster.Report{Node: member(2, "b", "region=eu")}).Then()
	again := b
	again.Starts, again.Instance = 2, "second"
	twice := append(threeNodes(), cluster.Joined{Node: again, Key: key})
	for _, c := range []struct {
		starts   uint64
		instance string
		code     string
	}{{3, "third", ""}, {2, "second", ""}, {2, "other", cluster.CodeOldDisk}, {1, "first", cluster.CodeOldDisk}, {0, "", cluster.CodeOldDisk}} {
		n := b
		n.Starts, n.Instance = c.starts, c.instance
		when := tuttitest.Given(t, cluster.Members, twice...).When(cluster.Report{Node: n})
		joins := n
		joins.ID = 0
		join := tuttitest.Given(t, cluster.Members, twice...).When(cluster.Join{Cluster: "prod", Key: key, Node: joins})
		switch {
		case c.code != "":
			when.ThenRejects(c.code)
			join.ThenRejects(c.code)
		case c.starts == 2:
			when.Then()
			join.Then()
		default:
			when.Then(cluster.Joined{Node: n, Key: key})
			join.Then()
		}
	}
	// One that drains goes on draining, whatever it says itself.
	drains := member(2, "b", "region=eu")
	drains.Draining = true
	draining := append(threeNodes(), cluster.Joined{Node: drains, Key: key})
	tuttitest.Given(t, cluster.Members, draining...).When(cluster.Report{Node: member(2, "b", "region=eu")}).Then()
	then := b
	then.Draining = true
	tuttitest.Given(t, cluster.Members, draining...).When(cluster.Report{Node: b}).Then(cluster.Joined{Node: then, Key: key})
	tuttitest.Given(t, cluster.Members, threeNodes()...).When(cluster.Report{Node: drains}).Then()
	// A disk that is another node's, or of one that was removed.
	tuttitest.Given(t, cluster.Members, threeNodes()...).When(cluster.Report{Node: member(2, "c")}).ThenRejects(cluster.CodeUnknownNode)
	tuttitest.Given(t, cluster.Members, append(threeNodes(), cluster.Removed{ID: 2})...).When(cluster.Report{Node: b}).ThenRejects(cluster.CodeUnknownNode)
}

// TestLayoutIsHeld: nothing may make impossible what the layout insists on.
func TestLayoutIsHeld(t *testing.T) {
	two := cluster.Layout{Pools: map[string]cluster.Rule{"default": {Replicas: 3, Require: map[string]string{"region": "eu"}}}}
	tuttitest.Given(t, cluster.Members, threeNodes()...).When(cluster.Apply{Layout: two}).ThenRejects(cluster.CodeCannotPlace)
	one := cluster.Layout{Pools: map[string]cluster.Rule{"default": {Replicas: 1, Require: map[string]string{"region": "us"}}}}
	tuttitest.Given(t, cluster.Members, threeNodes()...).When(cluster.Apply{Layout: one}).Then(cluster.Applied{Layout: one})
	strict := append(threeNodes(), cluster.Applied{Layout: one})
	tuttitest.Given(t, cluster.Members, strict...).When(cluster.Remove{Name: "c"}).ThenRejects(cluster.CodeCannotPlace)
	tuttitest.Given(t, cluster.Members, strict...).When(cluster.Drain{Name: "c", On: true}).ThenRejects(cluster.CodeCannotPlace)
	tuttitest.Given(t, cluster.Members, strict...).When(cluster.Remove{Name: "b"}).Then(cluster.Removed{ID: 2})
	away := member(2, "b", "region=eu")
	away.Draining = true
	tuttitest.Given(t, cluster.Members, strict...).When(cluster.Drain{Name: "b", On: true}).Then(cluster.Joined{Node: away, Key: key})
	tuttitest.Given(t, cluster.Members, strict...).When(cluster.Drain{Name: "x", On: true}).ThenRejects(cluster.CodeUnknownNode)
}

func TestLay(t *testing.T) {
	again := cluster.Lay{Pool: cluster.Pool{Name: "default", Partitions: 16, Home: 3}}
	tuttitest.Given(t, cluster.Members, threeNodes()...).When(again).Then().
		ThenReply(cluster.Pool{Name: "default", Partitions: 16, Home: 1}) // as it is
	again.Pool.Partitions = 8
	tuttitest.Given(t, cluster.Members, threeNodes()...).When(again).ThenRejects(cluster.CodeOtherLayout)
	other := cluster.Pool{Name: "a", Partitions: 4, Home: 3}
	tuttitest.Given(t, cluster.Members, threeNodes()...).When(cluster.Lay{Pool: other}).Then(cluster.Laid{Pool: other})
	us := cluster.Applied{Layout: cluster.Layout{Pools: map[string]cluster.Rule{"a": {Require: map[string]string{"region": "us"}}}}}
	elsewhere := other
	elsewhere.Home = 1
	tuttitest.Given(t, cluster.Members, append(threeNodes(), us)...).When(cluster.Lay{Pool: elsewhere}).ThenRejects(cluster.CodeCannotPlace)
	tuttitest.Given(t, cluster.Members, append(threeNodes(), us)...).When(cluster.Lay{Pool: other}).Then(cluster.Laid{Pool: other})
	early := other
	early.Made = true // that is for its home to say, with Finish
	tuttitest.Given(t, cluster.Members, threeNodes()...).When(cluster.Lay{Pool: early}).Then(cluster.Laid{Pool: other}).ThenReply(other)
	away := member(3, "c", "region=us")
	away.Draining = true
	tuttitest.Given(t, cluster.Members, append(threeNodes(), cluster.Joined{Node: away, Key: key})...).When(cluster.Lay{Pool: other}).ThenRejects(cluster.CodeCannotPlace)
	other.Home = 9
	tuttitest.Given(t, cluster.Members, threeNodes()...).When(cluster.Lay{Pool: other}).ThenRejects(cluster.CodeInvalid)
}

// TestFinish: a pool gets another home only while the first one has not made it, and is none any more.
func TestFinish(t *testing.T) {
	tuttitest.Given(t, cluster.Members, threeNodes()...).When(cluster.Finish{Pool: "default", Home: 1}).Then(cluster.Finished{Pool: "default"})
	tuttitest.Given(t, cluster.Members, threeNodes()...).When(cluster.Finish{Pool: "default", Home: 2}).ThenRejects(cluster.CodeInvalid)
	made := append(threeNodes(), cluster.Finished{Pool: "default"})
	tuttitest.Given(t, cluster.Members, made...).When(cluster.Finish{Pool: "default", Home: 1}).Then()
	again := cluster.Lay{Pool: cluster.Pool{Name: "default", Partitions: 16, Home: 2}}
	tuttitest.Given(t, cluster.Members, append(threeNodes(), cluster.Removed{ID: 1})...).When(again).Then(cluster.Laid(again))
	tuttitest.Given(t, cluster.Members, append(made, cluster.Removed{ID: 1})...).When(again).Then().
		ThenReply(cluster.Pool{Name: "default", Partitions: 16, Home: 1, Made: true})
}

func TestRegistry(t *testing.T) {
	r := cluster.Registry{
		Nodes: []cluster.Node{member(1, "a"), member(3, "c")},
		Pools: []cluster.Pool{{Name: "p", Partitions: 2}, {Name: "q", Partitions: 1}},
		Keys:  map[journal.NodeID]string{3: key},
	}
	if n := r.Node(3); n == nil || n.Name != "c" || r.Node(2) != nil || r.Named("a").ID != 1 || r.Named("b") != nil {
		t.Errorf("nodes are not found as they stand")
	}
	if got := len(r.Partitions()); got != 3 {
		t.Errorf("%d partitions, want 3", got)
	}
	if p := r.Public(); p.Keys != nil || r.Keys == nil {
		t.Error("Public shows keys, or takes them away")
	}
	if places, err := r.Place(nil); err != nil || len(places) != 3 {
		t.Errorf("Place = %v, %v, want 3 places", places, err)
	}
}
