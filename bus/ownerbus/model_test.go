package ownerbus_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// step is one thing that happens in a cluster.
type step struct {
	act       string
	node      int
	partition int
	count     int
}

const (
	modelNodes      = 3
	modelPartitions = 2
)

var steps = rapid.Custom(func(t *rapid.T) step {
	return step{
		act:  rapid.SampledFrom([]string{"send", "send", "send", "own", "own", "own without a stop", "stop", "lose", "tell", "gone", "wait", "wait long", "deaf", "hear"}).Draw(t, "act"),
		node: rapid.IntRange(0, modelNodes-1).Draw(t, "node"), partition: rapid.IntRange(0, modelPartitions-1).Draw(t, "partition"),
		count: rapid.IntRange(1, 20).Draw(t, "count"),
	}
})

// model is a cluster and what its owners have taken.
type model struct {
	*nodes
	mu     sync.Mutex
	wrong  []string
	stop   map[[2]int]func() // by partition and node
	newest [modelPartitions]*reign
	number uint64
	seen   map[uint64]bool
	passed map[uint64]bool // taken at an address from which nothing is passed on
}

// reign is one ownership.
type reign struct {
	node      string
	partition int
	last      map[string]uint64 // by sender
	taken     map[uint64]bool
}

func (m *model) fault(format string, v ...any) { m.wrong = append(m.wrong, fmt.Sprintf(format, v...)) }

func (r *reign) take(m *model) func(*wire.Envelope) {
	return func(e *wire.Envelope) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.seen[e.Number] {
			m.fault("envelope %d was taken twice", e.Number)
		}
		m.seen[e.Number] = true
		r.taken[e.Number] = true
		if m.passed[e.Number] {
			return // it came over another node, beside what its sender has sent here
		}
		if e.Number < r.last[e.From] {
			m.fault("envelope %d of %s came after %d", e.Number, e.From, r.last[e.From])
		}
		r.last[e.From] = e.Number
	}
}

func (m *model) at(partition int) bus.Address { return bus.Owner("model", partition) }

func (m *model) name(node int) string { return string(rune('a' + node)) }

func (m *model) own(s step) {
	key := [2]int{s.partition, s.node}
	if m.stop[key] != nil {
		m.stop[key]()
	}
	r := &reign{node: m.name(s.node), partition: s.partition, last: make(map[string]uint64), taken: make(map[uint64]bool)}
	m.newest[s.partition] = r
	m.stop[key] = m.nodes.own(r.node, m.at(s.partition), r.take(m))
}

func (m *model) do(s step) {
	switch s.act {
	case "send":
		for range s.count {
			m.number++
			_ = m.by[m.name(s.node)].Send("default", m.at(s.partition), &wire.Envelope{Kind: wire.KindCommand, Number: m.number, From: m.name(s.node)})
		}
	case "own":
		for node := range modelNodes {
			m.do(step{act: "stop", node: node, partition: s.partition})
		}
		m.own(s)
	case "own without a stop": // the one before is fenced and has not noticed
		m.own(s)
	case "stop":
		key := [2]int{s.partition, s.node}
		if m.stop[key] != nil {
			m.stop[key]()
			delete(m.stop, key)
		}
	case "lose", "tell":
		m.inner.loseWhatIsTold(s.act == "lose")
	case "gone":
		m.by[m.name(s.node)].Gone(m.name(s.count % modelNodes))
	case "wait":
		time.Sleep(time.Duration(s.count) * 10 * time.Millisecond)
	case "wait long":
		time.Sleep(time.Duration(s.count) * time.Second)
	case "deaf":
		m.inner.beDeaf(func(to bus.Address) bool { return strings.Contains(string(to), "@"+m.name(s.node)) })
	case "hear":
		m.inner.beDeaf(nil)
	}
	synctest.Wait()
}

// settle lets everything heal, gives every partition an owner, and wants all nodes to reach it.
func (m *model) settle() {
	m.inner.loseWhatIsTold(false)
	m.inner.beDeaf(nil)
	for p := range modelPartitions {
		if r := m.newest[p]; r == nil || m.stop[[2]int{p, int(r.node[0] - 'a')}] == nil {
			m.own(step{node: p, partition: p})
		}
	}
	time.Sleep(15 * time.Second)
	for p, r := range m.newest {
		for node := range modelNodes {
			m.number++
			if err := m.send(m.name(node), m.at(p), m.number); err != nil {
				m.fault("Send at %s = %v", m.name(node), err)
			}
			m.mu.Lock()
			if !r.taken[m.number] {
				m.fault("the newest owner of %d, at %s, has not got what %s sent", p, r.node, m.name(node))
			}
			m.mu.Unlock()
		}
	}
	for name, b := range m.by {
		if s := b.Stats(); s.Parked != 0 || s.ParkedBytes != 0 || s.Partitions != modelPartitions {
			m.fault("%s is left with %+v", name, s)
		}
	}
	for _, stop := range m.stop {
		stop()
	}
}

// TestOwnersMove has owners come and go at random, and what nodes tell each other be lost: an envelope is taken at most once, those of a
// sender in order by one owner, and when all is quiet again every node reaches the newest one.
func TestOwnersMove(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all := rapid.SliceOfN(steps, 1, 60).Draw(rt, "steps")
		var wrong []string
		synctest.Test(t, func(t *testing.T) {
			m := &model{nodes: newNodes(t), stop: make(map[[2]int]func()), seen: make(map[uint64]bool), passed: make(map[uint64]bool)}
			m.inner.passing = func(e *wire.Envelope) {
				m.mu.Lock()
				defer m.mu.Unlock()
				m.passed[e.Number] = true
			}
			for node := range modelNodes {
				m.begin(m.name(node))
			}
			for _, s := range all {
				m.do(s)
			}
			m.settle()
			wrong = m.wrong
		})
		if len(wrong) > 0 {
			rt.Fatalf("%s", strings.Join(wrong, "\n"))
		}
	})
}
