package clustersim_test

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Times of the network.
const (
	watchEvery   = 5 * time.Millisecond
	peersSilence = 800 * time.Millisecond // after which a node that says nothing counts as gone, as in package peer
	busSilence   = 2 * time.Second        // after which a route of the bus is made anew
	mostParcels  = 4096                   // of one stream that are under way
)

// network carries what nodes send each other: in order on each stream, late, and not at all where a connection has broken.
type network struct {
	mu      sync.Mutex
	rng     *rand.Rand
	ways    map[[2]int]*way
	pairs   map[[2]int]*pair // by the lower node first
	held    map[int]bool     // nodes that stand still: nothing comes or goes
	alive   map[int]*process
	changed chan struct{} // closed when something that is waited for may have come
	ended   bool

	carriers sync.WaitGroup
}

// way is one direction between two nodes.
type way struct {
	cuts        int
	loss        float64
	least, most time.Duration // that something takes
	silent      time.Time     // since when nothing arrives; zero: things do
}

// pair is the connections between two nodes.
type pair struct {
	peers, bus connection
}

// connection is one that nodes have, or try to have. It breaks when either side hears nothing for long, and when a process ends.
type connection struct {
	up      bool
	made    int              // how many there were
	told    map[int]bool     // nodes that know that it is broken
	again   time.Time        // when it is made again
	streams map[*stream]bool // which are emptied when it breaks
	breaks  chan struct{}    // closed when it does
}

// stream is what one process sends another in order.
type stream struct {
	net      *network
	from, to int
	parcels  []parcel
	last     time.Time
	running  bool
}

type parcel struct {
	due  time.Time
	take func()
}

const (
	leastDelay = 50 * time.Microsecond
	mostDelay  = 400 * time.Microsecond
)

func newNetwork(nodes int, rng *rand.Rand) *network {
	n := &network{
		rng: rng, ways: make(map[[2]int]*way), pairs: make(map[[2]int]*pair), held: make(map[int]bool),
		alive: make(map[int]*process), changed: make(chan struct{}),
	}
	for a := 1; a <= nodes; a++ {
		for b := 1; b <= nodes; b++ {
			if a != b {
				n.ways[[2]int{a, b}] = &way{least: leastDelay, most: mostDelay}
			}
			if a < b {
				n.pairs[[2]int{a, b}] = &pair{peers: newConnection(), bus: newConnection()}
			}
		}
	}
	return n
}

func newConnection() connection {
	return connection{told: make(map[int]bool), streams: make(map[*stream]bool), breaks: make(chan struct{})}
}

// wake has all who wait look again. The caller holds mu.
func (n *network) wake() {
	close(n.changed)
	n.changed = make(chan struct{})
}

func (n *network) pair(a, b int) *pair { return n.pairs[[2]int{min(a, b), max(a, b)}] }

// blocked reports whether nothing gets from one node to another. The caller holds mu.
func (n *network) blocked(from, to int) bool {
	return n.held[from] || n.held[to] || n.ways[[2]int{from, to}].cuts > 0
}

// put has take called once what is sent has arrived. It returns false when too much is under way. The caller holds mu.
func (n *network) put(c *connection, s *stream, take func()) bool {
	if len(s.parcels) >= mostParcels {
		return false
	}
	w := n.ways[[2]int{s.from, s.to}]
	if w.loss > 0 && n.rng.Float64() < w.loss {
		return true
	}
	due := time.Now().Add(w.least + time.Duration(n.rng.Int64N(int64(w.most-w.least)+1)))
	if due.Before(s.last) {
		due = s.last
	}
	s.last = due
	c.streams[s] = true
	s.parcels = append(s.parcels, parcel{due, take})
	if !s.running {
		s.running = true
		n.carriers.Go(s.carry)
	}
	return true
}

// carry hands over what is under way until nothing is.
func (s *stream) carry() {
	n := s.net
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(s.parcels) > 0 {
		if n.blocked(s.from, s.to) {
			changed := n.changed
			n.mu.Unlock()
			<-changed
			n.mu.Lock()
			continue
		}
		if late := time.Until(s.parcels[0].due); late > 0 {
			n.mu.Unlock()
			time.Sleep(late)
			n.mu.Lock()
			continue
		}
		p := s.parcels[0]
		s.parcels = s.parcels[1:]
		n.mu.Unlock()
		p.take()
		n.mu.Lock()
	}
	s.running = false
}

// watch breaks and makes connections until stop is closed.
func (n *network) watch(stop <-chan struct{}) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			for _, tell := range n.look(now) {
				tell()
			}
		}
	}
}

// look returns who is to be told what.
func (n *network) look(now time.Time) (tell []func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for k, w := range n.ways {
		switch blocked := n.blocked(k[0], k[1]); {
		case !blocked:
			w.silent = time.Time{}
		case w.silent.IsZero():
			w.silent = now
		}
	}
	for k, p := range n.pairs {
		n.consider(&p.bus, k[0], k[1], busSilence, now)
		n.consider(&p.peers, k[0], k[1], peersSilence, now)
		for _, side := range k {
			other := k[0] + k[1] - side
			if x := n.alive[side]; n.learns(&p.peers, side, other, now) && x != nil {
				tell = append(tell, func() { x.down(other) })
			}
		}
	}
	return tell
}

// consider breaks a connection that is silent and makes one that can be made. The caller holds mu.
func (n *network) consider(c *connection, a, b int, silence time.Duration, now time.Time) {
	if c.up {
		if n.deaf(a, b, silence, now) || n.deaf(b, a, silence, now) {
			n.sever(c, now)
		}
		return
	}
	if n.alive[a] != nil && n.alive[b] != nil && !n.blocked(a, b) && !n.blocked(b, a) && !now.Before(c.again) {
		c.up = true
		c.made++
		clear(c.told)
		c.breaks = make(chan struct{})
	}
}

// deaf reports whether a node has heard nothing from another for that long, and is there to notice. The caller holds mu.
func (n *network) deaf(node, other int, silence time.Duration, now time.Time) bool {
	since := n.ways[[2]int{other, node}].silent
	return !n.held[node] && !since.IsZero() && now.Sub(since) >= silence
}

// sever breaks a connection: what is under way is lost. The caller holds mu.
func (n *network) sever(c *connection, now time.Time) {
	if !c.up {
		return
	}
	c.up = false
	c.again = now.Add(time.Millisecond + time.Duration(n.rng.Int64N(int64(300*time.Millisecond))))
	for s := range c.streams {
		s.parcels = nil
	}
	clear(c.streams)
	close(c.breaks)
	n.wake()
}

// learns reports whether a node learns just now that its connection is broken. The caller holds mu.
func (n *network) learns(c *connection, node, other int, now time.Time) bool {
	if c.up || c.made == 0 || c.told[node] || n.held[node] {
		return false
	}
	if n.blocked(other, node) && !n.deaf(node, other, peersSilence, now) {
		return false
	}
	c.told[node] = true
	return true
}

// leave ends what a process had of the network. Others notice at once, where they can.
func (n *network) leave(id int, x *process) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.alive[id] != x {
		return
	}
	delete(n.alive, id)
	now := time.Now()
	for k, p := range n.pairs {
		if k[0] == id || k[1] == id {
			n.sever(&p.peers, now)
			n.sever(&p.bus, now)
		}
	}
	n.wake()
}

// enter has a process take part.
func (n *network) enter(id int, x *process) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.alive[id] = x
}

// change changes the network, and has all who wait look again.
func (n *network) change(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	n.wake()
}

// heal ends all cuts, stops and bad weather.
func (n *network) heal() {
	n.change(func() {
		clear(n.held)
		for _, w := range n.ways {
			w.cuts, w.loss, w.least, w.most = 0, 0, leastDelay, mostDelay
		}
	})
}

// close loses what is under way and waits until nobody carries anything.
func (n *network) close() {
	n.change(func() {
		n.ended = true
		now := time.Now()
		for _, p := range n.pairs {
			n.sever(&p.peers, now)
			n.sever(&p.bus, now)
		}
	})
	n.carriers.Wait()
}
