package peer_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/peer/peertest"
)

// TestFaultsAtRandom cuts, breaks, delays, removes and restarts three nodes. Frames never come twice or out of order, up and down take turns, and
// once all is well all nodes are connected soon, and stay so.
func TestFaultsAtRandom(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { faults(t, rand.New(rand.NewPCG(seed, 5))) })
		})
	}
}

func faults(t *testing.T, random *rand.Rand) {
	network := peertest.New()
	nodes := []*node{start(t, network, 1), start(t, network, 2), start(t, network, 3)}
	all := nodes // those that were stopped as well
	meet(nodes...)
	number := 0
	for range 60 {
		a, b := random.IntN(3), random.IntN(2)
		b = (a + 1 + b) % 3
		x, y := nodes[a], nodes[b]
		switch random.IntN(8) {
		case 0:
			network.Cut(x.host, y.host)
		case 1:
			network.CutWay(x.host, y.host)
		case 2, 3:
			network.Heal(x.host, y.host)
		case 4:
			network.Break(x.host)
		case 5:
			network.Delay(x.host, y.host, time.Duration(random.IntN(50))*time.Millisecond)
		case 6:
			x.RemovePeer(y.id)
			if random.IntN(2) == 0 {
				time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond)
			}
			x.SetPeer(y.id, y.host)
		case 7:
			x.stop()
			nodes[a] = start(t, network, x.id)
			all = append(all, nodes[a])
			for _, n := range nodes {
				nodes[a].SetPeer(n.id, n.host)
			}
		}
		for range random.IntN(20) {
			number++
			nodes[random.IntN(3)].Send(journal.NodeID(1+random.IntN(3)), uint8(random.IntN(3)), []byte(strconv.Itoa(number)))
			time.Sleep(time.Duration(random.IntN(60)) * time.Millisecond)
		}
	}
	for _, x := range nodes {
		for _, y := range nodes {
			network.Heal(x.host, y.host)
		}
	}
	healed := time.Now()
	for _, n := range nodes {
		await(t, fmt.Sprintf("node %d up", n.id), up(n, nodes...))
	}
	if took := time.Since(healed); took > 4*time.Second {
		t.Errorf("all were connected %v after all was well", took)
	}
	time.Sleep(2 * time.Second)
	told := make(map[*node]int)
	for _, n := range nodes {
		told[n] = len(n.told())
	}
	time.Sleep(time.Minute)
	for _, n := range nodes {
		if news := n.told(); len(news) != told[n] {
			t.Errorf("node %d was told %q although all was well", n.id, news[told[n]:])
		}
	}
	for _, n := range all {
		inOrder(t, n)
	}
}

// inOrder checks what a node was told and what it got.
func inOrder(t *testing.T, n *node) {
	t.Helper()
	last := make(map[string]string)
	for _, news := range n.told() {
		what, who, _ := strings.Cut(news, " ")
		if what == last[who] || what == "down" && last[who] == "" {
			t.Errorf("node %d was told %q", n.id, n.told())
			return
		}
		last[who] = what
	}
	newest := make(map[string]int)
	for _, got := range n.received() {
		from, text, _ := strings.Cut(got, ":")
		number, err := strconv.Atoi(text)
		if err != nil || number <= newest[from] {
			t.Errorf("node %d got %s after %d", n.id, got, newest[from])
			return
		}
		newest[from] = number
	}
}
