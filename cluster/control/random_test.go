package control_test

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/cluster/control"
)

var (
	seeds = flag.Int("control.seeds", 10, "random histories of a cluster to run")
	first = flag.Uint64("control.first", 1, "seed of the first of them")
)

// TestRandomHistories has nodes come, die, come back, drain and go, and layouts change, at any time, whoever decides being killed at any step
// among them. However that goes, no partition is made twice, none goes where its pool may not be or to nodes of which most are
// down, and left alone everything comes to where it belongs.
func TestRandomHistories(t *testing.T) {
	for i := range *seeds {
		seed := *first + uint64(i)
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { randomHistory(t, seed) })
		})
	}
}

func randomHistory(t *testing.T, seed uint64) {
	h := &history{world: newWorld(t, seed)}
	h.begin("a")
	h.names = []string{"a"}
	time.Sleep(time.Second) // until it has been founded
	for range 60 {
		h.act()
		time.Sleep(time.Duration(h.draw(6000)) * time.Millisecond)
	}
	for _, name := range h.names {
		if n := h.nodes[name]; !h.running(n) {
			h.start(n)
		}
	}
	h.settle(10 * time.Minute)
}

// history is a sequence of what an operator and fate do.
type history struct {
	*world
	names []string // of nodes that were not removed
}

func (h *history) draw(n int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rng.IntN(n)
}

func (h *history) running(n *simNode) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return n.up
}

// any returns a node that has not been removed.
func (h *history) any() *simNode { return h.nodes[h.names[h.draw(len(h.names))]] }

func (h *history) act() {
	switch h.draw(10) {
	case 0, 1:
		h.join()
	case 2:
		if n := h.any(); h.running(n) {
			n.kill()
		}
	case 3:
		h.killDriver()
	case 4, 5:
		if n := h.any(); !h.running(n) {
			h.start(n)
		}
	case 6:
		h.command("drain", cluster.Drain{Name: h.any().node.Name, On: true})
	case 7:
		h.command("drain", cluster.Drain{Name: h.any().node.Name})
	case 8:
		h.remove()
	case 9:
		h.command("apply", cluster.Apply{Layout: h.layout()})
	}
}

// join has one more node come, of another region each time. It is not waited for: nobody may be there to let it in.
func (h *history) join() {
	if len(h.nodes) >= 9 || !h.founded() {
		return
	}
	name := fmt.Sprint("n", len(h.nodes))
	region := []string{"eu", "us"}[h.draw(2)]
	seeds := make([]string, len(h.names))
	for i, other := range h.names {
		seeds[i] = other + ":1"
	}
	n := h.node(name, region, seeds...)
	if err := n.start(); err != nil {
		h.t.Fatalf("%s does not join: %v", name, err)
	}
	h.names = append(h.names, name)
}

// founded reports whether the registry can be reached by somebody.
func (h *history) founded() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := h.groups[registryAt]
	return g != nil && h.quorum(g.voters)
}

// killDriver kills whoever decides.
func (h *history) killDriver() {
	h.mu.Lock()
	n := h.at(h.groups[registryAt].leader)
	h.mu.Unlock()
	if n != nil {
		n.kill()
	}
}

func (h *history) start(n *simNode) {
	if err := n.start(); err != nil {
		h.t.Errorf("%s does not start again: %v", n.node.Name, err)
	}
}

// remove takes a node away that no partition needs for its majority.
func (h *history) remove() {
	n := h.any()
	h.mu.Lock()
	id, members := n.id.Node(), h.known()
	for _, g := range h.groups {
		up := 0
		for _, v := range g.voters {
			if v != id && h.isUp(v) && members.Node(v) != nil { // one that was removed ends once it hears of it
				up++
			}
		}
		if slices.Contains(g.voters, id) && up <= len(g.voters)/2 || slices.Contains(g.learners, id) {
			h.mu.Unlock()
			return
		}
	}
	h.mu.Unlock()
	if h.command("remove", cluster.Remove{Name: n.node.Name}) != "" {
		return
	}
	h.names = slices.DeleteFunc(h.names, func(name string) bool { return name == n.node.Name })
	if h.draw(2) == 0 {
		n.kill()
		if h.draw(2) == 0 {
			if err := n.start(); err != nil && !errors.Is(err, control.ErrStale) {
				h.t.Errorf("a removed node ended with %v", err)
			}
		}
	}
}

func (h *history) layout() cluster.Layout {
	l := cluster.Layout{Moves: 1 + h.draw(8), Replicas: []int{0, 1, 3, 5}[h.draw(4)]}
	switch h.draw(3) {
	case 0:
		l.Pools = map[string]cluster.Rule{"eu": {Require: map[string]string{"region": "eu"}}}
	case 1:
		l.Pools = map[string]cluster.Rule{"eu": {Require: map[string]string{"region": "us"}, Replicas: 1}, "default": {Spread: "region"}}
	}
	return l
}
