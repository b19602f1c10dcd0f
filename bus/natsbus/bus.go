package natsbus

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/internal/listener"
	"github.com/tutti-rt/tutti/wire"
)

// Bus is a bus on NATS. Open makes one.
type Bus struct {
	cfg       Config
	lanes     map[string]*lane
	listeners sync.Map // bus.Address → *listener.Listener
	parts     parts
	garbage   complaint
	dropped   complaint
	missing   atomic.Int64 // messages of other buses that have not come
	losses    atomic.Pointer[[]*watcher]

	closed atomic.Bool

	mu     sync.Mutex // held while listeners are added, so that none is after Close
	joined listener.Crowd[bus.Address]
}

var (
	_ bus.Bus         = (*Bus)(nil)
	_ bus.Broadcaster = (*Bus)(nil)
	_ bus.Lossy       = (*Bus)(nil)
)

// Open connects every lane. A connection that breaks later is made anew, for as long as it takes; what is sent meanwhile
// is refused with bus.ErrNobody, and what was under way is lost.
func Open(c Config) (*Bus, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	b := &Bus{cfg: c, lanes: make(map[string]*lane)}
	b.garbage = complaint{log: c.Logger, say: "garbage on the bus"}
	b.dropped = complaint{log: c.Logger, say: "envelopes dropped, since they were not taken in time"}
	for _, name := range c.Lanes {
		l, err := b.connect(name)
		if err != nil {
			b.Close()
			return nil, err
		}
		b.lanes[name] = l
		go l.run() // Close waits for it
	}
	return b, nil
}

// lane returns the lane of that name, or why nothing can be sent on it.
func (b *Bus) lane(name string) (*lane, error) {
	if b.closed.Load() {
		return nil, bus.ErrClosed
	}
	if l := b.lanes[name]; l != nil {
		return l, nil
	}
	return nil, fmt.Errorf("the bus has no lane %q", name)
}

// Send hands e over by a call if somebody listens at the address on this bus, and otherwise queues it. bus.ErrNobody is
// known at once with a server in this process alone.
func (b *Bus) Send(lane string, to bus.Address, e *wire.Envelope) error {
	l, err := b.lane(lane)
	if err != nil {
		return fmt.Errorf("send to %s: %w", to, err)
	}
	if v, ok := b.listeners.Load(to); ok && v.(*listener.Listener).Take(e) {
		return nil
	}
	if len(to) > maxAddressBytes {
		return fmt.Errorf("send to an address of %d bytes: %w", len(to), bus.ErrNobody)
	}
	if err := l.send(target{at: to}, e); err != nil {
		return fmt.Errorf("send to %s: %w", to, err)
	}
	return nil
}

// Listen has take called for what is sent to the address on any lane. When it returns, servers of this package have told
// each other, or will have before anything that is sent from here arrives.
func (b *Bus) Listen(at bus.Address, take func(*wire.Envelope)) (func(), error) {
	l := listener.New(take)
	b.mu.Lock()
	err := b.mayListen(at)
	if err == nil {
		if _, taken := b.listeners.LoadOrStore(at, l); taken {
			err = fmt.Errorf("somebody listens there already")
		}
	}
	b.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("listen at %s: %w", at, err)
	}
	quit, err := b.subscribe(target{at: at}, func(e *wire.Envelope) { l.Take(e) })
	stop := sync.OnceFunc(func() {
		quit()
		b.listeners.CompareAndDelete(at, l)
		l.Stop()
	})
	if err != nil {
		stop()
		return nil, fmt.Errorf("listen at %s: %w", at, err)
	}
	return stop, nil
}

// mayListen says why nobody can listen at the address. The caller holds b.mu.
func (b *Bus) mayListen(at bus.Address) error {
	if b.closed.Load() {
		return bus.ErrClosed
	}
	if len(at) > maxAddressBytes {
		return fmt.Errorf("an address has %d bytes at most", maxAddressBytes)
	}
	return nil
}

// messageCost is what a message that waits for its listener costs at least, in bytes.
const messageCost = 256

// subscribe has take called for what arrives for the target on every lane, until quit is called. Quit does not wait.
func (b *Bus) subscribe(to target, take func(*wire.Envelope)) (quit func(), err error) {
	var subs []*nats.Subscription
	quit = func() {
		for _, s := range subs {
			_ = s.Unsubscribe() // an error means that the connection is closed
		}
	}
	for _, name := range b.cfg.Lanes {
		l := b.lanes[name]
		in := &inbox{bus: b, lane: name, at: to.at, all: to.all, subject: l.queue.key(to), count: &l.came, take: take}
		s, err := l.conn.Subscribe(in.subject, func(m *nats.Msg) { in.receive(m.Data, time.Now()) })
		if b.closed.Load() {
			return quit, bus.ErrClosed
		}
		if err != nil {
			return quit, fmt.Errorf("subscribe on lane %s: %w", name, err)
		}
		subs = append(subs, s)
		if err := s.SetPendingLimits(b.cfg.ReceiveBytes/messageCost+1, b.cfg.ReceiveBytes); err != nil && !b.closed.Load() {
			return quit, fmt.Errorf("subscribe on lane %s: %w", name, err)
		}
	}
	b.flush()
	return quit, nil
}

// flush waits until the servers have taken what was said to them, or for a moment: what is not connected
// subscribes again when it is.
func (b *Bus) flush() {
	const moment = time.Second
	for _, l := range b.lanes {
		if !l.down.Load() {
			_ = l.conn.FlushTimeout(moment)
		}
	}
}

// Close lets what is queued leave, which takes half a second for a lane at most, and closes the connections.
func (b *Bus) Close() error {
	b.mu.Lock()
	b.closed.Store(true)
	b.listeners.Clear()
	b.joined.Clear()
	b.mu.Unlock()
	var lanes sync.WaitGroup
	for _, l := range b.lanes {
		lanes.Go(l.close)
	}
	lanes.Wait()
	return nil
}
