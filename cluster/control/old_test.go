package control_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/cluster/control"
)

// identity returns the file that says who a node is.
func (n *simNode) identity() []byte {
	n.w.t.Helper()
	text, err := os.ReadFile(filepath.Join(n.dir, "node.json"))
	if err != nil {
		n.w.t.Fatal(err)
	}
	return text
}

// become puts another file in its place.
func (n *simNode) become(identity []byte) {
	n.w.t.Helper()
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		n.w.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(n.dir, "node.json"), identity, 0o600); err != nil {
		n.w.t.Fatal(err)
	}
}

// restart ends a node and starts it again.
func (n *simNode) restart() {
	n.w.t.Helper()
	n.kill()
	time.Sleep(time.Second)
	if err := n.start(); err != nil {
		n.w.t.Fatal(err)
	}
	time.Sleep(10 * time.Second) // it has said that it has started
}

// outdated wants err to say that a directory is an old copy, and what to do.
func outdated(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, control.ErrOutdated) || !strings.Contains(err.Error(), "empty directory") {
		t.Errorf("%s = %v, want ErrOutdated and what to do", what, err)
	}
}

// TestOldCopy: a node does not start from a copy of its directory once it has started from another one.
func TestOldCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 8)
		w.begin("a", "b", "c")
		w.settle(3 * time.Minute)
		c := w.nodes["c"]
		old := c.identity()
		c.restart()
		c.kill()
		now := c.identity()
		c.become(old)
		for range 5 { // each time, and without the others as well
			outdated(t, "start of an old copy", c.start())
			w.nodes["a"].kill()
		}
		if err := w.nodes["a"].start(); err != nil {
			t.Fatal(err)
		}
		c.become(now)
		if err := c.start(); err != nil {
			t.Fatal(err)
		}
		w.settle(3 * time.Minute)
	})
}

// TestOldCopyAlone: one that starts while nobody says so ends once the others do, and does not start any more.
func TestOldCopyAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 9)
		w.begin("a", "b", "c")
		w.settle(3 * time.Minute)
		c := w.nodes["c"]
		old := c.identity()
		c.restart()
		for _, n := range w.nodes {
			n.kill()
		}
		c.become(old)
		for _, name := range []string{"c", "a", "b"} {
			if err := w.nodes[name].start(); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Minute)
		select {
		case <-c.ended:
			outdated(t, "Run", c.err)
		default:
			t.Fatal("an old copy runs")
		}
		outdated(t, "start", c.start())
	})
}

// TestTwice: a copy of the directory of a node that runs does not start, and the node notices nothing.
func TestTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		w.begin("a", "b", "c")
		w.settle(3 * time.Minute)
		_, revision := w.nodes["a"].id.Registry()
		c, copied := w.nodes["c"], w.node("c2", "eu")
		copied.node.Name = "c"
		copied.become(c.identity())
		for range 3 {
			began := time.Now()
			err := copied.start()
			if !errors.Is(err, control.ErrTwice) || !strings.Contains(err.Error(), `node 3 "c"`) {
				t.Errorf("start of a copy = %v, want ErrTwice and which node", err)
			}
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("that took %v", took)
			}
		}
		time.Sleep(2 * time.Minute)
		if _, now := w.nodes["a"].id.Registry(); now != revision || !w.isUp(3) {
			t.Errorf("the registry is at revision %d, was at %d; node 3 runs: %v", now, revision, w.isUp(3))
		}
		// A node that has only just ended is no other process.
		c.kill()
		if err := c.start(); err != nil {
			t.Errorf("start = %v", err)
		}
		w.settle(3 * time.Minute)
	})
}

// TestTwiceAtOnce: of two copies of a directory that start at the same moment, the one that the others do not let in ends.
func TestTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 11)
		w.begin("a", "b", "c")
		w.settle(3 * time.Minute)
		c, copied := w.nodes["c"], w.node("c2", "eu")
		c.kill()
		copied.node.Name, copied.apart = "c", true
		copied.become(c.identity())
		for _, n := range []*simNode{copied, c} {
			if err := n.start(); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		select {
		case <-copied.ended:
			if !errors.Is(copied.err, control.ErrTwice) || !strings.Contains(copied.err.Error(), `node 3 "c"`) {
				t.Errorf("Run = %v, want ErrTwice and which node", copied.err)
			}
		default:
			t.Error("a second process runs that is the node")
		}
		w.settle(3 * time.Minute)
	})
}
