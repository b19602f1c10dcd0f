package edge

import (
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// maxUnsent bounds what a carrier keeps that the socket has not taken: three records of the largest size.
// A socket encrypts nothing while anything is kept, so that only answers of TLS itself add to
// one record; a client that asks for more of those without reading is cut off.
const maxUnsent = 48 << 10

// carriers is a listener of carriers.
type carriers struct{ net.Listener }

func carry(l net.Listener) net.Listener { return carriers{l} }

// Accept waits for a connection.
func (l carriers) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	switch c.(type) {
	case *net.TCPConn, *net.UnixConn:
		return &carrier{Conn: c}, nil
	}
	return c, nil
}

// carrier is the connection below TLS. Until a link takes it over it is just the connection that it holds. From
// then on nothing that TLS does with it waits: a write keeps what the socket does not take, and a
// read returns what the poller has got.
type carrier struct {
	net.Conn // until it is taken over

	// Set by takeOver.
	socket  *pollSocket // nil: not taken over
	buffers *buffers

	in []byte // of the reader: what TLS has not got yet

	mu   sync.Mutex // held over writes, none of which waits
	kept *[]byte    // what is unsent is kept[sent:]; nil: nothing
	sent int
	err  error
	one  [1][]byte // of a write, which would allocate it
	// waits is whether something is kept. It changes within mu.
	waits atomic.Bool
}

// takeOver makes the carrier one that never waits. Nobody else uses it.
func (c *carrier) takeOver(b *buffers, p *poller) error {
	s, err := newPollSocket(c.Conn, p)
	if err != nil {
		return err
	}
	c.socket, c.buffers = s, b
	return nil
}

// Write writes what the socket takes and keeps the rest. It fails when too much is kept, or once a
// write has failed.
func (c *carrier) Write(p []byte) (int, error) {
	if c.socket == nil {
		return c.Conn.Write(p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	rest := p
	if c.kept == nil {
		rest = p[c.push(p):]
	}
	if c.err == nil && len(rest) > 0 {
		c.keep(rest)
	}
	if c.err != nil {
		return 0, c.err
	}
	return len(p), nil
}

// push writes what the socket takes, and returns how much that was. mu is held.
func (c *carrier) push(p []byte) (n int) {
	if c.err == nil {
		c.one[0] = p
		n, c.err = c.socket.try(c.one[:])
		c.one[0] = nil
	}
	return n
}

// keep puts p behind what is kept. mu is held.
func (c *carrier) keep(p []byte) {
	if c.kept == nil {
		c.kept, c.sent = c.buffers.getOut(), 0
	}
	if len(*c.kept)-c.sent+len(p) > maxUnsent {
		c.err = errUnsent
		return
	}
	*c.kept = append(append((*c.kept)[:0], (*c.kept)[c.sent:]...), p...)
	c.sent = 0
	c.waits.Store(true)
}

// unsent reports whether something is kept.
func (c *carrier) unsent() bool { return c.waits.Load() }

// drain writes of what is kept what the socket takes, and reports whether it took anything or there is nothing.
func (c *carrier) drain() (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil || c.err != nil {
		return true, c.err
	}
	n := c.push((*c.kept)[c.sent:])
	if c.sent += n; c.err == nil && c.sent == len(*c.kept) {
		c.buffers.putOut(c.kept)
		c.kept = nil
		c.waits.Store(false)
	}
	return n > 0, c.err
}

// flush writes at least one byte of what is kept, and waits for at most d until it can. One goroutine at a time may
// call it.
func (c *carrier) flush(d time.Duration) error {
	limit := time.NewTimer(d)
	defer limit.Stop()
	for {
		if progress, err := c.drain(); progress || err != nil {
			return err
		}
		if !c.socket.await(limit.C) {
			return os.ErrDeadlineExceeded
		}
	}
}

// Read returns bytes that the poller has got, or errNoBytes.
func (c *carrier) Read(p []byte) (int, error) {
	if c.socket == nil {
		return c.Conn.Read(p)
	}
	if len(c.in) == 0 {
		return 0, errNoBytes
	}
	n := copy(p, c.in)
	if c.in = c.in[n:]; len(c.in) == 0 {
		c.in = nil // the memory is the poller's
	}
	return n, nil
}

// SetWriteDeadline does nothing once the carrier is taken over: TLS sets one around its last alert, and nothing
// waits there.
func (c *carrier) SetWriteDeadline(t time.Time) error {
	if c.socket != nil {
		return nil
	}
	return c.Conn.SetWriteDeadline(t)
}

// Close ends the connection.
func (c *carrier) Close() error {
	if c.socket == nil {
		return c.Conn.Close()
	}
	c.socket.close()
	return nil
}
