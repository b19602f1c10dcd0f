package node

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/cluster/control"
)

// TestRoll: nodes are restarted one after the other, and the next one only once all is calm and the one before leads again; the first address may be that of a
// node that does not answer. It is in the package for the command that Main runs.
func TestRoll(t *testing.T) {
	dir := t.TempDir()
	asked, back, led := 0, make(map[string]int), make(map[string]bool)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+strings.Repeat("t", 16) {
			t.Errorf("asked with %q", r.Header.Get("Authorization"))
		}
		asked++
		s := control.Status{Cluster: "prod", Driver: "a"}
		for i, name := range []string{"a", "b"} {
			n := control.NodeView{Node: cluster.Node{Name: name, Address: name + ":1", Labels: map[string]string{"region": "eu"}}, Up: asked%3 != 0, Started: time.Unix(int64(i), 0)}
			n.Leads = 1
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				n.Started = n.Started.Add(time.Hour)
				if back[name]++; back[name] < 6 {
					n.Leads = 0
				} else {
					led[name] = true
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "b")); err == nil && !led["a"] {
				t.Error("the next node is restarted before the one that is back leads again")
			}
			s.Nodes = append(s.Nodes, n)
		}
		s.Partitions = []control.PartitionView{{Pool: "default", Leader: "a", Voters: []string{"a"}, Place: []string{"a"}}, {Pool: "default", Number: 1, Voters: []string{"a"}, Place: []string{"b"}, To: []string{"a", "b"}}}
		if r.URL.Query().Get("x") == "" && asked%2 == 0 {
			s.Partitions = s.Partitions[:1]
		}
		_ = json.NewEncoder(w).Encode(s)
	}))
	defer server.Close()
	t.Setenv("TUTTI_ADMIN_TOKEN", strings.Repeat("t", 16))
	var out, errs strings.Builder
	admin := "--admin=http://127.0.0.1:1," + server.URL
	if code := run(t.Context(), []string{"cluster", "roll", admin, "--restart", "echo restarts $TUTTI_NODE at $TUTTI_ADDRESS; touch " + dir + "/$TUTTI_NODE"}, &out, &errs); code != 0 {
		t.Fatalf("roll = %d: %s", code, errs.String())
	}
	if text := out.String(); !strings.Contains(text, "restarts a at a:1") || strings.Index(text, "a is back") > strings.Index(text, "restarts b at b:1") || !strings.Contains(text, "b is back") {
		t.Errorf("roll printed:\n%s", text)
	}
	out.Reset()
	asked = 0
	if code := run(t.Context(), []string{"cluster", "status", admin}, &out, &errs); code != 0 {
		t.Fatalf("status = %d: %s", code, errs.String())
	}
	for _, want := range []string{"cluster prod", "region=eu", "default/1", "nobody", "a,b", "2 partitions, 1 not where they belong"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("status lacks %q:\n%s", want, out.String())
		}
	}
}

// TestRollOfEdges: edges alone are restarted after the members; one that has gone by then is left out, one that is named and unknown is an error.
func TestRollOfEdges(t *testing.T) {
	dir := t.TempDir()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		started := func(name string) time.Time {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				return time.Unix(3600, 0)
			}
			return time.Unix(0, 0)
		}
		s := control.Status{Cluster: "prod", Driver: "a", Nodes: []control.NodeView{{Node: cluster.Node{Name: "a"}, Up: true, Started: started("a")}}}
		s.Edges = []control.Edge{{Name: "e", Started: started("e")}}
		if started("a").Unix() == 0 {
			s.Edges = append(s.Edges, control.Edge{Name: "f"})
		}
		_ = json.NewEncoder(w).Encode(s)
	}))
	defer server.Close()
	t.Setenv("TUTTI_ADMIN_TOKEN", strings.Repeat("t", 16))
	restart := func(args ...string) (code int, out, errs strings.Builder) {
		args = append([]string{"cluster", "roll", "--admin", server.URL, "--restart", "echo restarts $TUTTI_NODE; touch " + dir + "/$TUTTI_NODE"}, args...)
		code = run(t.Context(), args, &out, &errs)
		return code, out, errs
	}
	code, out, errs := restart()
	a, e := strings.Index(out.String(), "a is back"), strings.Index(out.String(), "restarts e")
	if code != 0 || a < 0 || e < a || !strings.Contains(out.String(), "e is back") || strings.Contains(out.String(), "restarts f") {
		t.Errorf("roll = %d: %s%s", code, out.String(), errs.String())
	}
	if code, _, errs := restart("--node", "x"); code == 0 || !strings.Contains(errs.String(), "no such node") {
		t.Errorf("roll of an unknown node = %d: %s", code, errs.String())
	}
}

// TestRollOfANodeThatDoesNotRestart says so, and not that time is up.
func TestRollOfANodeThatDoesNotRestart(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(control.Status{Nodes: []control.NodeView{{Node: cluster.Node{Name: "a"}, Up: true}}})
	}))
	defer server.Close()
	t.Setenv("TUTTI_ADMIN_TOKEN", strings.Repeat("t", 16))
	var out, errs strings.Builder
	if code := run(t.Context(), []string{"cluster", "roll", "--admin", server.URL, "--restart", "true", "--patience", "1s"}, &out, &errs); code != 1 {
		t.Errorf("roll = %d, want 1", code)
	}
	if !strings.Contains(errs.String(), "node a: after its restart: after 1s: it has not been seen to start again") {
		t.Errorf("roll said: %s", errs.String())
	}
}
