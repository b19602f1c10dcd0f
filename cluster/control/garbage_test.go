package control_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/cluster/control"
	"github.com/tutti-rt/tutti/journal"
)

// TestGarbage: what another node says that makes no sense changes nothing and ends nothing.
func TestGarbage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 7)
		w.begin("a", "b")
		w.settle(3 * time.Minute)
		a, b := w.nodes["a"], w.nodes["b"]
		before, revision := a.id.Registry()
		for _, data := range []string{"", "x", strings.Repeat("x", 1<<20), string(binary.BigEndian.AppendUint64(nil, 1<<63))} {
			a.member.Hear(2, []byte(data))
			a.member.Hear(77, []byte(data))
			time.Sleep(time.Second)
		}
		members, anyone := a.member.Services()
		for _, services := range []map[string]control.Service{members, anyone} {
			for name, serve := range services {
				for _, request := range []string{"", "{", "[]", "{}", `{"partition":{"Pool":"default"},"revision":9999,"voters":[0,0]}`, `{"partition":{"Pool":"default"},"revision":9999,"voters":[5]}`, strings.Repeat("[", 1<<20)} {
					for _, from := range []*simNode{nil, b} {
						var out buffer
						id := before.Nodes[1].ID
						if from == nil {
							id = 0
						}
						if err := serve(t.Context(), id, []byte(request), &out); err != nil {
							t.Errorf("%s of %.30q = %v, want a refusal", name, request, err)
						}
						if from == nil && members[name] != nil && !strings.Contains(string(out.data), control.CodeStranger) && !strings.Contains(string(out.data), control.CodeBadRequest) {
							t.Errorf("%s answers a stranger: %s", name, out.data)
						}
					}
				}
			}
		}
		time.Sleep(time.Minute)
		if after, now := a.id.Registry(); now != revision || len(after.Nodes) != len(before.Nodes) {
			t.Errorf("the registry is at revision %d, was at %d", now, revision)
		}
		w.settle(time.Minute)
	})
}

// TestLeaderStays: who leads a partition is not taken from its voters, whoever decided so when another one led.
func TestLeaderStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 8)
		w.begin("a", "b", "c")
		w.settle(3 * time.Minute)
		w.mu.Lock()
		leader, group := w.at(w.groups[registryAt].leader), w.groups[registryAt]
		id := leader.id.Node()
		others := slices.DeleteFunc(slices.Clone(group.voters), func(v journal.NodeID) bool { return v == id })
		w.mu.Unlock()
		request, err := json.Marshal(map[string]any{"partition": registryAt, "revision": 9999, "voters": others})
		if err != nil {
			t.Fatal(err)
		}
		members, _ := leader.member.Services()
		var out buffer
		if err := members["cluster.reconfigure"](t.Context(), id, request, &out); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(out.data), "would leave it") {
			t.Errorf("the leader answers %s", out.data)
		}
		w.settle(time.Minute)
	})
}

// TestVotersThatMayNot: a partition gets no voter that may hold none of it, whoever decided so: none that drains, and none that is no node.
func TestVotersThatMayNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 12)
		w.begin("a", "b", "c", "d")
		w.settle(3 * time.Minute)
		if code, _, text := w.nodes["a"].operate("POST", "/drain", `{"node":"d"}`); code != http.StatusOK {
			t.Fatalf("drain = %d %s", code, text)
		}
		w.settle(3 * time.Minute)
		w.mu.Lock()
		leader := w.at(w.groups[registryAt].leader)
		voters, drains := slices.Sorted(slices.Values(w.groups[registryAt].voters)), w.nodes["d"].id.Node()
		w.mu.Unlock()
		members, _ := leader.member.Services()
		for _, id := range []journal.NodeID{drains, 77} {
			request, err := json.Marshal(map[string]any{"partition": registryAt, "revision": 9999, "voters": append(slices.Clone(voters), id)})
			if err != nil {
				t.Fatal(err)
			}
			var out buffer
			if err := members["cluster.reconfigure"](t.Context(), leader.id.Node(), request, &out); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(out.data), fmt.Sprintf("node %d may not hold", id)) {
				t.Errorf("the leader answers %s when node %d is to hold a replica", out.data, id)
			}
		}
		time.Sleep(time.Minute)
		w.mu.Lock()
		defer w.mu.Unlock()
		if now := slices.Sorted(slices.Values(w.groups[registryAt].voters)); !slices.Equal(now, voters) {
			t.Errorf("the voters are %v, were %v", now, voters)
		}
	})
}

// TestOldOrders: what was decided by a registry older than the leader's changes nothing.
func TestOldOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 13)
		w.begin("a", "b", "c")
		w.settle(3 * time.Minute)
		w.mu.Lock()
		leader := w.at(w.groups[registryAt].leader)
		voters := slices.Sorted(slices.Values(w.groups[registryAt].voters))
		w.mu.Unlock()
		_, revision := leader.id.Registry()
		members, _ := leader.member.Services()
		request, err := json.Marshal(map[string]any{"partition": registryAt, "revision": revision - 1, "voters": []journal.NodeID{leader.id.Node()}})
		if err != nil {
			t.Fatal(err)
		}
		var out buffer
		if err := members["cluster.reconfigure"](t.Context(), leader.id.Node(), request, &out); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(out.data), `"`+control.CodeOld+`"`) {
			t.Errorf("the leader answers %s, want %s", out.data, control.CodeOld)
		}
		synctest.Wait()
		w.mu.Lock()
		defer w.mu.Unlock()
		if now := slices.Sorted(slices.Values(w.groups[registryAt].voters)); !slices.Equal(now, voters) {
			t.Errorf("the voters are %v, were %v", now, voters)
		}
	})
}

// TestEdgesAreBounded: a node shows 1,024 edges and no more, all of which get the registry, and forgets those that it does not hear from.
func TestEdgesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bound = 1024
		w := newWorld(t, 14)
		w.begin("a", "b")
		w.settle(3 * time.Minute)
		a := w.nodes["a"]
		_, anyone := a.member.Services()
		come := func(name string) {
			request, err := json.Marshal(map[string]any{"edge": control.Edge{Name: name, Instance: "one", Started: time.Now()}})
			if err != nil {
				t.Fatal(err)
			}
			var out buffer
			if err := anyone["cluster.registry"](t.Context(), 0, request, &out); err != nil || !strings.Contains(string(out.data), `"registry"`) {
				t.Fatalf("edge %s is answered %.100s, %v", name, out.data, err)
			}
		}
		for i := range bound + 10 {
			come(fmt.Sprintf("e%d", i))
		}
		if _, s, _ := a.operate("GET", "", ""); len(s.Edges) != bound {
			t.Errorf("%d edges are shown, want %d", len(s.Edges), bound)
		}
		time.Sleep(time.Minute)
		come("later")
		if _, s, _ := a.operate("GET", "", ""); len(s.Edges) != 1 || s.Edges[0].Name != "later" {
			t.Errorf("%d edges are shown after a minute, want the one that came since", len(s.Edges))
		}
	})
}

// FuzzIdentity: whatever a node finds in place of its identity is refused, or is an identity.
func FuzzIdentity(f *testing.F) {
	dir := f.TempDir()
	n := cluster.Node{Name: "a", Address: "a:1", State: true}
	if _, err := control.Enter(f.Context(), control.Entry{Dir: dir, Cluster: "prod", Node: n}); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, "node.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("{}"))
	f.Add([]byte(`{"checksum":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","identity":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, "node.json"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		id, err := control.Enter(t.Context(), control.Entry{Dir: dir, Cluster: "prod", Node: n})
		if err == nil && (id.Cluster() != "prod" || id.Name() != "a" || id.Node() == 0) {
			t.Errorf("%q is taken for node %d %q of %q", text, id.Node(), id.Name(), id.Cluster())
		}
	})
}
