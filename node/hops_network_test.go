package node_test

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// lag is a line that holds everything back for some time, and keeps its order.
type lag struct {
	delay atomic.Int64
	line  chan lagged
}

type lagged struct {
	due time.Time
	act func()
}

func newLag() *lag { return &lag{line: make(chan lagged, 1024)} }

func (l *lag) set(d time.Duration) { l.delay.Store(int64(d)) }

func (l *lag) send(act func()) {
	l.line <- lagged{time.Now().Add(time.Duration(l.delay.Load())), act}
}

// run acts until the line is closed.
func (l *lag) run() {
	for x := range l.line {
		time.Sleep(time.Until(x.due))
		x.act()
	}
}

// laggingBus is a bus that takes its time one way or the other.
type laggingBus struct {
	bus.Bus
	toOwner, toEdge *lag
}

func (b *laggingBus) Send(lane string, to bus.Address, e *wire.Envelope) error {
	way := b.toEdge
	if to != bus.Edge("edge") {
		way = b.toOwner
	}
	way.send(func() { _ = b.Bus.Send(lane, to, e) }) // what is lost shows in the test
	return nil
}

// network is the way from clients to a node, as a listener of connections in memory.
type network struct {
	up, down *lag
	held     atomic.Pointer[chan struct{}] // nothing is read from clients until it is closed
	conns    chan net.Conn
	done     chan struct{}
	close    func()
	relays   sync.WaitGroup
}

func newNetwork() *network {
	done := make(chan struct{})
	return &network{
		up: newLag(), down: newLag(), conns: make(chan net.Conn), done: done,
		close: sync.OnceFunc(func() { close(done) }),
	}
}

func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error   { n.close(); return nil }
func (n *network) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

// dial connects a client.
func (n *network) dial() net.Conn {
	client, ours := net.Pipe()
	theirs, server := net.Pipe()
	n.relays.Go(func() { relay(n.up, ours, theirs, &n.held) })
	n.relays.Go(func() { relay(n.down, theirs, ours, new(atomic.Pointer[chan struct{}])) })
	n.conns <- server
	return client
}

// hold lets nothing more be read from clients until letGo is called, but for what is being waited for.
func (n *network) hold() (letGo func()) {
	held := make(chan struct{})
	n.held.Store(&held)
	return func() { n.held.Store(nil); close(held) }
}

func relay(l *lag, from, to net.Conn, held *atomic.Pointer[chan struct{}]) {
	for {
		if h := held.Load(); h != nil {
			<-*h
		}
		b := make([]byte, 32<<10)
		read, err := from.Read(b)
		if err != nil {
			l.send(func() { _ = to.Close() }) // both ends are the test's
			return
		}
		l.send(func() { _, _ = to.Write(b[:read]) }) // see above
	}
}
