package node_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tutti-rt/tutti/feed"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// TestFeedOfAnotherNode follows every partition of a cluster of two at the node that does not have it: with two nodes each is held by one.
func TestFeedOfAnotherNode(t *testing.T) {
	s := newSeveral(t)
	a := start(t, s.node("a"))
	c := s.node("b")
	c.Cluster.AdminAdvertise = strings.Replace(c.Admin, "127.0.0.1", "localhost", 1)
	b := start(t, c)
	s.calm(b, 1)
	entities := make(map[journal.Partition]string)
	for i := 0; len(entities) < c.Partitions; i++ {
		id := fmt.Sprint("e", i)
		if p := (journal.Partition{Pool: "default", Number: wire.Partition("tally", id, c.Partitions)}); entities[p] == "" {
			entities[p] = id
			addTo(t, a, id)
		}
	}
	for _, n := range []*running{a, b} {
		url := "http://" + n.AdminAddr().String()
		r, err := feed.NewRemote(feed.RemoteConfig{Nodes: []string{url}, Token: adminToken})
		if err != nil {
			t.Fatal(err)
		}
		for p, id := range entities {
			at := feed.Cursor{}
			found := false
			for page, err := range r.Pages(t.Context(), p, at, feed.Filter{}) {
				if err != nil {
					t.Fatalf("%s at %s: %v", p, n.AdminAddr(), err)
				}
				if found = slices.ContainsFunc(page.Items, func(i feed.Item) bool { return i.Entity.ID == id }); found {
					break
				}
			}
			if !found {
				t.Errorf("%s at %s ends without the event of %s", p, n.AdminAddr(), id)
			}
		}
	}
	// Of all partitions each node lacks some, and names the other one.
	hints := make(map[string]bool)
	for _, n := range []*running{a, b} {
		for p := range entities {
			query := fmt.Sprintf("/admin/v1/events?pool=%s&partition=%d&wait=0s", p.Pool, p.Number)
			code, body := get(t, "http://"+n.AdminAddr().String()+query, "Authorization", "Bearer "+adminToken)
			var problem struct{ Nodes []string }
			if code == http.StatusMisdirectedRequest && json.Unmarshal([]byte(body), &problem) == nil {
				for _, url := range problem.Nodes {
					hints[url] = true
				}
			}
		}
	}
	if len(hints) == 0 || hints["http://"+s.nodes["b"].Admin] {
		t.Errorf("nodes name %v, want what they advertise", hints)
	}
	if !hints["http://"+s.nodes["a"].Admin] && !hints["http://"+c.Cluster.AdminAdvertise] {
		t.Errorf("nodes name %v", hints)
	}
}

// TestFeedAtAnEdge follows a partition by way of a node that holds no data: it names those that do, and what they are called to an
// operator who asks it for the cluster.
func TestFeedAtAnEdge(t *testing.T) {
	s := newSeveral(t)
	a := start(t, s.node("a"))
	addTo(t, a, "one")
	c := s.node("e")
	c.Cluster.Edge, c.Data = true, ""
	e := start(t, c)
	member, edge := "http://"+a.AdminAddr().String(), "http://"+e.AdminAddr().String()
	r, err := feed.NewRemote(feed.RemoteConfig{Nodes: []string{edge}, Token: adminToken})
	if err != nil {
		t.Fatal(err)
	}
	layout, err := r.Layout(t.Context())
	if err != nil || layout.Partitions != c.Partitions || layout.Pools["tally"] == "" {
		t.Fatalf("layout at the edge = %+v, %v", layout, err)
	}
	p := journal.Partition{Pool: layout.Pools["tally"], Number: wire.Partition("tally", "one", layout.Partitions)}
	if _, err := r.End(t.Context(), p); err != nil {
		t.Errorf("end of %s, asked at the edge: %v", p, err)
	}
	for item, err := range feed.Follow(t.Context(), r, p, feed.Cursor{}, feed.Filter{Categories: []string{"tally"}, ID: "one"}) {
		if err != nil {
			t.Fatalf("%s, asked at the edge: %v", p, err)
		}
		if item.Entity.ID != "one" || item.Revision != 1 {
			t.Errorf("first item is %+v", item)
		}
		break
	}
	bearer := []string{"Authorization", "Bearer " + adminToken}
	if code, body := get(t, edge+"/admin/v1/events?pool=default&partition=0&wait=0s", bearer...); code != http.StatusMisdirectedRequest || !strings.Contains(body, member) {
		t.Errorf("the edge answers %d %s, want 421 and %s", code, body, member)
	}
	if code, body := get(t, edge+"/admin/v1/events?pool=none&partition=0", bearer...); code != http.StatusNotFound {
		t.Errorf("a pool that does not exist: %d %s", code, body)
	}
	if code, body := get(t, edge+"/admin/v1/cluster", bearer...); code != http.StatusNotFound || !strings.Contains(body, member) {
		t.Errorf("the edge answers %d %s when asked for the cluster, want 404 and %s", code, body, member)
	}
}
