package control_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/cluster/control"
)

// operate sends a node a request of its operator.
func (n *simNode) operate(method, path, body string) (int, control.Status, string) {
	n.w.t.Helper()
	mux := http.NewServeMux()
	n.member.Register(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(n.w.t.Context(), method, "/admin/v1/cluster"+path, strings.NewReader(body)))
	var s control.Status
	if w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil {
			n.w.t.Fatal(err)
		}
	}
	return w.Code, s, w.Body.String()
}

// TestOperator: what an operator asks of any node is done, and what would do harm is refused with the reason.
func TestOperator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		w.begin("a", "b", "c")
		w.settle(3 * time.Minute)
		c := w.nodes["c"]
		code, s, _ := c.operate("GET", "", "")
		if code != http.StatusOK || !s.Calm() || len(s.Nodes) != 3 || len(s.Partitions) != 12 || s.By != "c" || s.Driver == "" {
			t.Fatalf("status = %d %+v, want three nodes and 12 partitions in their places", code, s)
		}
		leads := 0
		for _, n := range s.Nodes {
			if leads += n.Leads; n.Holds != 12 || !n.Up {
				t.Errorf("node %+v, want it up with 12 replicas", n)
			}
		}
		if leads != 12 {
			t.Errorf("%d partitions are led, want 12", leads)
		}
		for _, wrong := range []struct {
			path, body, tells string
			code              int
		}{
			{"/drain", `{"node":"x"}`, "no node x", http.StatusNotFound},
			{"/drain", `{"node":"../x"}`, "wanted", http.StatusBadRequest},
			{"/drain", `{"nodes":"a"}`, "wanted", http.StatusBadRequest},
			{"/remove", `{"node":"x"}`, "no node x", http.StatusNotFound},
			{"/remove", `{"node":"b"}`, "drain it", http.StatusConflict},
			{"/apply", `replicas: 4`, "replicas is 4", http.StatusBadRequest},
			{"/apply", `no: layout`, "no", http.StatusBadRequest},
			{"/apply", `{pools: {eu: {require: {region: mars}}}}`, "region=mars", http.StatusConflict},
			{"/apply", strings.Repeat("#", 2<<20), "cannot be read", http.StatusBadRequest},
		} {
			if code, _, text := c.operate("POST", wrong.path, wrong.body); code != wrong.code || !strings.Contains(text, wrong.tells) {
				t.Errorf("%s %.60s = %d %s, want %d and %q", wrong.path, wrong.body, code, text, wrong.code, wrong.tells)
			}
		}
		if code, s, text := c.operate("POST", "/drain", `{"node":"b"}`); code != http.StatusOK || !s.Nodes[1].Draining {
			t.Fatalf("drain = %d %s", code, text)
		}
		w.settle(3 * time.Minute)
		if _, s, _ := c.operate("GET", "", ""); s.Nodes[1].Holds != 12 || s.Nodes[1].Leads != 0 || !s.Calm() {
			t.Errorf("one of three that drains is %+v, want it to lead nothing and keep its replicas, which nobody else can take", s.Nodes[1])
		}
		if code, _, text := c.operate("POST", "/remove", `{"node":"b"}`); code != http.StatusConflict || !strings.Contains(text, "others have to be able to take them") {
			t.Errorf("removing a node that has replicas = %d %s, want it refused", code, text)
		}
		d := w.node("d", "eu", "c:1")
		if err := d.start(); err != nil {
			t.Fatal(err)
		}
		w.settle(3 * time.Minute)
		if code, s, text := c.operate("POST", "/remove", `{"node":"b"}`); code != http.StatusOK || len(s.Nodes) != 3 {
			t.Errorf("removing a node that has nothing = %d %s", code, text)
		}
		if code, _, text := c.operate("POST", "/apply", `{replicas: 1}`); code != http.StatusOK {
			t.Fatalf("apply = %d %s", code, text)
		}
		w.settle(3 * time.Minute)
		// Each partition has one replica now, so that nothing can be without the others.
		w.nodes["a"].kill()
		if code, _, text := c.operate("POST", "/remove", `{"node":"a"}`); code != http.StatusConflict {
			t.Errorf("removing the only replica of a partition = %d %s, want it refused", code, text)
		}
	})
}

// TestRemoveLeavesFewer: one of three is not removed before whoever asks has said that one replica of everything will do.
func TestRemoveLeavesFewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 7)
		w.begin("a", "b", "c")
		w.settle(3 * time.Minute)
		w.nodes["c"].kill()
		time.Sleep(time.Minute)
		a := w.nodes["a"]
		code, _, text := a.operate("POST", "/remove", `{"node":"c"}`)
		if code != http.StatusConflict || !strings.Contains(text, "has 3 replicas, and the nodes that are left would hold 1") {
			t.Errorf("removing one of three = %d %s, want it refused", code, text)
		}
		if code, s, text := a.operate("POST", "/remove", `{"node":"c","fewer":true}`); code != http.StatusOK || len(s.Nodes) != 2 {
			t.Errorf("removing one of three although it leaves fewer replicas = %d %s", code, text)
		}
	})
}

// TestFollower: an edge alone learns of nodes that come, is seen while it runs, and leaves nothing.
func TestFollower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 6)
		w.begin("a", "b")
		w.settle(3 * time.Minute)
		nodes := make(chan int, 10)
		follow := func() (*control.Follower, <-chan error) {
			f := &control.Follower{
				Cluster: "prod", Name: "edge", Seeds: []string{"x:1", "a:1"}, Call: w.nodes["a"].CallAt,
				Changed: func(r cluster.Registry) { nodes <- len(r.Nodes) },
			}
			r, err := f.Find(t.Context())
			if err != nil || len(r.Nodes) != 2 {
				t.Fatalf("Find = %d nodes, %v, want 2", len(r.Nodes), err)
			}
			ended := make(chan error, 1)
			go func() { ended <- f.Run(t.Context()) }()
			return f, ended
		}
		_, first := follow()
		time.Sleep(time.Minute)
		_, second := follow()
		time.Sleep(time.Minute)
		select {
		case err := <-first:
			if !errors.Is(err, control.ErrReplaced) {
				t.Errorf("the first of two edges with one name = %v, want ErrReplaced", err)
			}
		default:
			t.Error("two edges have one name")
		}
		if _, s, _ := w.nodes["b"].operate("GET", "", ""); len(s.Edges) != 1 || s.Edges[0].Name != "edge" {
			t.Errorf("status has the edges %+v, want one", s.Edges)
		}
		for _, path := range []string{"/drain", "/undrain", "/remove"} {
			if code, _, text := w.nodes["b"].operate("POST", path, `{"node":"edge"}`); code != http.StatusNotFound || !strings.Contains(text, "edge is an edge alone") {
				t.Errorf("%s of an edge alone = %d %s, want it refused for what it is", path, code, text)
			}
		}
		if err := w.node("c", "eu", "a:1").start(); err != nil {
			t.Fatal(err)
		}
		if n := <-nodes; n != 3 {
			t.Errorf("the edge heard of %d nodes, want 3", n)
		}
		select {
		case err := <-second:
			t.Errorf("the second edge ended: %v", err)
		default:
		}
		foreign := &control.Follower{Cluster: "test", Name: "edge2", Seeds: []string{"a:1"}, Call: w.nodes["a"].CallAt}
		if _, err := foreign.Find(t.Context()); !errors.Is(err, control.ErrForeign) {
			t.Errorf("Find in another cluster = %v, want ErrForeign", err)
		}
	})
}
