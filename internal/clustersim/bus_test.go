package clustersim_test

import (
	"fmt"
	"sync"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/wire"
)

// nodeBus is the bus of one process: within it a call, to others a message that takes its time on a stream of its lane, and is lost where there is no
// connection.
type nodeBus struct {
	net   *network
	self  *process
	local *localbus.Bus
	lies  func(to bus.Address, e *wire.Envelope) (bus.Address, *wire.Envelope) // of a bus that is not one; nil: none

	mu      sync.Mutex
	here    map[bus.Address]bool // where somebody listens
	streams map[string]*stream   // by node and lane
}

var (
	_ bus.Bus         = (*nodeBus)(nil)
	_ bus.Broadcaster = (*nodeBus)(nil)
)

func newNodeBus(n *network, self *process) *nodeBus {
	return &nodeBus{net: n, self: self, local: localbus.New(), here: make(map[bus.Address]bool), streams: make(map[string]*stream)}
}

func (b *nodeBus) Send(lane string, to bus.Address, e *wire.Envelope) error {
	if b.lies != nil {
		to, e = b.lies(to, e)
	}
	b.mu.Lock()
	here := b.here[to]
	b.mu.Unlock()
	if here && b.local.Send(lane, to, e) == nil {
		return nil
	}
	return b.spread(lane, e, func(there *nodeBus, e *wire.Envelope) {
		_ = there.local.Send(lane, to, e) // nobody listens there
	}, func(there *nodeBus) bool {
		there.mu.Lock()
		defer there.mu.Unlock()
		return there.here[to]
	})
}

func (b *nodeBus) Broadcast(lane string, to bus.Address, e *wire.Envelope) error {
	if err := b.local.Broadcast(lane, to, e); err != nil {
		return err
	}
	return b.spread(lane, e, func(there *nodeBus, e *wire.Envelope) {
		_ = there.local.Broadcast(lane, to, e) // it is closed
	}, func(*nodeBus) bool { return true })
}

// spread sends e to all other nodes that want it.
func (b *nodeBus) spread(lane string, e *wire.Envelope, take func(*nodeBus, *wire.Envelope), wants func(*nodeBus) bool) error {
	data := e.Append(nil)
	n, from := b.net, b.self.number
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.alive[from] != b.self || n.ended {
		return nil // on its way from a process that is gone
	}
	for to, x := range n.alive {
		if to == from || !wants(x.bus) {
			continue
		}
		c := &n.pair(from, to).bus
		if !c.up {
			continue
		}
		key := fmt.Sprint(to, lane)
		s := b.streams[key]
		if s == nil {
			s = &stream{net: n, from: from, to: to}
			b.streams[key] = s
		}
		if !n.put(c, s, func() {
			got, err := wire.DecodeEnvelope(data)
			if err != nil {
				panic(fmt.Sprintf("clustersim: what was packed cannot be unpacked: %v", err))
			}
			if n.is(to, x) {
				take(x.bus, got)
			}
		}) {
			return bus.ErrFull
		}
	}
	return nil
}

func (b *nodeBus) Listen(at bus.Address, take func(*wire.Envelope)) (func(), error) {
	stop, err := b.local.Listen(at, take)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.here[at] = true
	return sync.OnceFunc(func() {
		b.mu.Lock()
		delete(b.here, at)
		b.mu.Unlock()
		stop()
	}), nil
}

func (b *nodeBus) Join(at bus.Address, take func(*wire.Envelope)) (func(), error) {
	return b.local.Join(at, take)
}

func (b *nodeBus) Close() error { return b.local.Close() }
