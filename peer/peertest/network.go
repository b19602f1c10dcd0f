// Package peertest is a network in memory whose connections can be cut, broken and delayed, for tests of several nodes in one
// process. It keeps to the clock of a synctest bubble.
package peertest

import (
	"context"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// Network connects hosts, each of which is a name and has one listener. Use New.
type Network struct {
	mu        sync.Mutex
	changed   chan struct{} // closed when something that is waited for may have come
	listeners map[string]*listener
	conns     map[*conn]bool
	cut       map[way]bool
	delay     map[way]time.Duration
}

// way is one direction between two hosts.
type way struct{ from, to string }

// New returns a network on which all is well.
func New() *Network {
	return &Network{
		changed: make(chan struct{}), listeners: make(map[string]*listener), conns: make(map[*conn]bool),
		cut: make(map[way]bool), delay: make(map[way]time.Duration),
	}
}

// Listen returns the listener of a host, whose address is its name.
func (n *Network) Listen(host string) net.Listener {
	l := &listener{network: n, host: host, waiting: make(chan net.Conn, 128), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners[host] = l
	return l
}

// Dialer returns what connects a host with another.
func (n *Network) Dialer(from string) func(ctx context.Context, address string) (net.Conn, error) {
	return func(ctx context.Context, to string) (net.Conn, error) {
		n.mu.Lock()
		for n.cut[way{from, to}] || n.cut[way{to, from}] {
			changed := n.changed
			n.mu.Unlock()
			select {
			case <-ctx.Done():
				return nil, fmt.Errorf("dial %s: %w", to, ctx.Err())
			case <-changed:
			}
			n.mu.Lock()
		}
		defer n.mu.Unlock()
		l := n.listeners[to]
		if l == nil {
			return nil, fmt.Errorf("dial %s: %w", to, syscall.ECONNREFUSED)
		}
		there, back := &half{way: way{from, to}}, &half{way: way{to, from}}
		a, b := &conn{network: n, in: back, out: there}, &conn{network: n, in: there, out: back}
		select {
		case l.waiting <- b:
		default:
			return nil, fmt.Errorf("dial %s: %w", to, syscall.ECONNREFUSED)
		}
		n.conns[a], n.conns[b] = true, true
		return a, nil
	}
}

// Cut has nothing arrive between two hosts any more, without either being told, until Heal.
func (n *Network) Cut(a, b string) {
	n.CutWay(a, b)
	n.CutWay(b, a)
}

// CutWay is Cut for one direction.
func (n *Network) CutWay(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[way{from, to}] = true
}

// Heal ends Cut and CutWay, whatever the direction. What was sent meanwhile arrives, where there is a connection still.
func (n *Network) Heal(a, b string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.cut, way{a, b})
	delete(n.cut, way{b, a})
	n.wake()
}

// Delay has everything between two hosts take that long from now on, in each direction.
func (n *Network) Delay(a, b string, d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delay[way{a, b}], n.delay[way{b, a}] = d, d
}

// Break resets all connections of a host, as when its process is killed.
func (n *Network) Break(host string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		if c.in.from == host || c.in.to == host {
			c.in.broken, c.out.broken = true, true
			delete(n.conns, c)
		}
	}
	n.wake()
}

// wake has all who wait look again. n.mu is held.
func (n *Network) wake() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// listener is the listener of one host.
type listener struct {
	network *Network
	host    string
	waiting chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.waiting:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. Another listener may take the host's name then.
func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.network.mu.Lock()
		defer l.network.mu.Unlock()
		if l.network.listeners[l.host] == l {
			delete(l.network.listeners, l.host)
		}
	})
	return nil
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return address(l.host) }

type address string

func (address) Network() string  { return "memory" }
func (a address) String() string { return string(a) }
