package tuttitest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
)

// address is the address of everything on the test's network.
type address string

func (a address) Network() string { return "tuttitest" }
func (a address) String() string  { return string(a) }

var errRefused = errors.New("tuttitest: no node listens")

// listener is where a node takes the connections of clients.
type listener struct {
	coming chan net.Conn
	closed chan struct{}
	once   sync.Once

	mu    sync.Mutex
	ends  []*pipeEnd
	alive bool // not cut
}

func newListener() *listener {
	return &listener{coming: make(chan net.Conn), closed: make(chan struct{}), alive: true}
}

// Accept returns the next connection.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.coming:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr returns the address of the node, which nobody but the test can reach.
func (l *listener) Addr() net.Addr { return address("node.test:80") }

// cut breaks all connections, and lets no more come.
func (l *listener) cut() {
	l.mu.Lock()
	l.alive = false
	ends := l.ends
	l.ends = nil
	l.mu.Unlock()
	for _, e := range ends {
		e.cut()
	}
}

func (l *listener) dial(ctx context.Context) (*pipeEnd, error) {
	client, server := newPipe(address("client.test:1"), l.Addr())
	l.mu.Lock()
	if !l.alive {
		l.mu.Unlock()
		return nil, errRefused
	}
	l.ends = append(l.ends, server)
	l.mu.Unlock()
	select {
	case l.coming <- server:
		return client, nil
	case <-l.closed:
		return nil, errRefused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// uplink is how one client reaches the node, for as long as the test lets it.
type uplink struct {
	platform *Platform

	mu      sync.Mutex
	offline bool
	ends    []*pipeEnd
}

func (u *uplink) httpClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return u.dial(ctx) },
		DisableKeepAlives: true,
	}}
}

func (u *uplink) dial(ctx context.Context) (net.Conn, error) {
	u.mu.Lock()
	offline := u.offline
	u.mu.Unlock()
	l := u.platform.listening()
	if offline || l == nil {
		return nil, errRefused
	}
	end, err := l.dial(ctx)
	if err != nil {
		return nil, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ends = append(u.ends, end)
	if u.offline {
		end.cut()
	}
	return end, nil
}

// drop breaks what connections there are.
func (u *uplink) drop() {
	u.mu.Lock()
	ends := slices.Clone(u.ends)
	u.ends = u.ends[:0]
	u.mu.Unlock()
	for _, e := range ends {
		e.cut()
	}
}

func (u *uplink) setOffline(offline bool) {
	u.mu.Lock()
	u.offline = offline
	u.mu.Unlock()
	if offline {
		u.drop()
	}
}
