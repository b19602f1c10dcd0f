package control_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/cluster/control"
)

// begin starts nodes a, b, c…, of which the first founds the cluster.
func (w *world) begin(names ...string) {
	w.t.Helper()
	for i, name := range names {
		seeds := []string{"nobody:1", names[0] + ":1"}
		if i == 0 {
			seeds = nil
		}
		if err := w.node(name, "eu", seeds...).start(); err != nil {
			w.t.Fatal(err)
		}
	}
}

// TestGrow: one node alone becomes three and five, while what is there goes on.
func TestGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.begin("a")
		w.settle(5 * time.Second)
		for _, name := range []string{"b", "c"} {
			if err := w.node(name, "eu", "a:1").start(); err != nil {
				t.Fatal(err)
			}
		}
		w.settle(3 * time.Minute)
		for _, name := range []string{"d", "e"} {
			if err := w.node(name, "eu", "b:1").start(); err != nil {
				t.Fatal(err)
			}
		}
		w.settle(3 * time.Minute)
		for _, n := range w.nodes {
			if r, revision := n.id.Registry(); len(r.Nodes) != 5 || revision != w.revision || len(n.peers) != 4 || n.changed == 0 {
				t.Errorf("%s knows %d nodes at revision %d of %d, and has %d peers", n.node.Name, len(r.Nodes), revision, w.revision, len(n.peers))
			}
		}
		time.Sleep(time.Minute)
		w.mu.Lock()
		terms := fmt.Sprint(w.terms())
		w.mu.Unlock()
		time.Sleep(10 * time.Minute)
		w.mu.Lock()
		defer w.mu.Unlock()
		if now := fmt.Sprint(w.terms()); now != terms {
			t.Errorf("leaders moved although nothing happened: terms were %s, are %s", terms, now)
		}
	})
}

func (w *world) terms() map[string]uint64 {
	all := make(map[string]uint64)
	for p, g := range w.groups {
		all[p.String()] = g.term
	}
	return all
}

// TestDrainAndRemove: a node that drains ends up with nothing, and one that is removed is replaced and told.
func TestDrainAndRemove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.begin("a", "b", "c", "d")
		w.settle(3 * time.Minute)
		if code := w.command("drain", cluster.Drain{Name: "a", On: true}); code != "" {
			t.Fatal(code)
		}
		w.settle(3 * time.Minute)
		w.mu.Lock()
		for p, g := range w.groups {
			for _, v := range g.voters {
				if v == 1 {
					t.Errorf("%s is at %v although node 1 drains", p, g.voters)
				}
			}
		}
		w.mu.Unlock()
		if code := w.command("drain", cluster.Drain{Name: "a"}); code != "" {
			t.Fatal(code)
		}
		w.settle(3 * time.Minute)
		b := w.nodes["b"]
		b.kill()
		time.Sleep(time.Minute)
		w.mu.Lock()
		there := 0
		for _, g := range w.groups {
			for _, v := range g.voters {
				if v == b.id.Node() {
					there++
				}
			}
		}
		w.mu.Unlock()
		if there == 0 {
			t.Error("a node that is only down lost its replicas")
		}
		if code := w.command("remove", cluster.Remove{Name: "b"}); code != "" {
			t.Fatal(code)
		}
		w.settle(3 * time.Minute)
		if err := b.start(); !errors.Is(err, control.ErrStale) {
			t.Errorf("start of a node that was removed = %v, want ErrStale", err)
		}
		// One that runs is told as well.
		d := w.nodes["d"]
		if code := w.command("remove", cluster.Remove{Name: "d"}); code != "" {
			t.Fatal(code)
		}
		time.Sleep(time.Minute)
		select {
		case <-d.ended:
			if !errors.Is(d.err, control.ErrStale) {
				t.Errorf("a node that was removed ended with %v, want ErrStale", d.err)
			}
		default:
			t.Error("a node that was removed runs still")
		}
	})
}

// TestWholeClusterRestarts: all nodes end and come back in any order.
func TestWholeClusterRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.begin("a", "b", "c")
		w.settle(3 * time.Minute)
		for _, n := range w.nodes {
			n.kill()
		}
		time.Sleep(time.Minute)
		for _, name := range []string{"c", "b", "a"} {
			if err := w.nodes[name].start(); err != nil {
				t.Fatal(err)
			}
		}
		w.settle(3 * time.Minute)
	})
}

// TestRefusedNodes: what must not join does not, says why, and harms nobody.
func TestRefusedNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		w.begin("a", "b")
		w.settle(3 * time.Minute)
		twin := w.node("b2", "eu", "a:1")
		twin.node.Name = "b"
		var refusal *control.Refusal
		if err := twin.start(); !errors.As(err, &refusal) || refusal.Code != cluster.CodeNameTaken {
			t.Errorf("start of a second b = %v, want %s", err, cluster.CodeNameTaken)
		}
		enter := func(dir, cluster, name string, seeds ...string) error {
			n := w.nodes["b2"].node
			n.Name = name
			_, err := control.Enter(t.Context(), control.Entry{Dir: dir, Cluster: cluster, Node: n, Seeds: seeds, Call: twin.CallAt})
			return err
		}
		if err := enter(t.TempDir(), "test", "x", "a:1"); !errors.As(err, &refusal) || refusal.Code != cluster.CodeOtherCluster {
			t.Errorf("joining another cluster = %v, want %s", err, cluster.CodeOtherCluster)
		}
		w.nodes["b"].kill()
		dir := w.nodes["b"].dir
		if err := enter(dir, "test", "b"); !errors.Is(err, control.ErrForeign) {
			t.Errorf("a directory of another cluster = %v, want ErrForeign", err)
		}
		if err := enter(dir, "prod", "c"); !errors.Is(err, control.ErrForeign) {
			t.Errorf("a directory of another node = %v, want ErrForeign", err)
		}
		old := t.TempDir()
		if err := os.WriteFile(filepath.Join(old, "journal"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := enter(old, "prod", "x", "a:1"); !errors.Is(err, control.ErrForeign) || !strings.Contains(err.Error(), "empty") {
			t.Errorf("joining with data of a node alone = %v, want ErrForeign that tells what to do", err)
		}
		file := filepath.Join(dir, "node.json")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text[len(text)/2] ^= 1
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := enter(dir, "prod", "b"); !errors.Is(err, control.ErrDamaged) {
			t.Errorf("a damaged identity = %v, want ErrDamaged", err)
		}
		if r := w.known(); len(r.Nodes) != 2 {
			t.Errorf("the cluster has %d nodes, want 2", len(r.Nodes))
		}
	})
}
