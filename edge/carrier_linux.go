package edge

import (
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
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
// read returns what fill has got.
type carrier struct {
	net.Conn

	// Set by takeOver.
	raw      syscall.RawConn
	buffers  *buffers // nil: not taken over
	pushing  func(uintptr)
	draining func(uintptr) bool
	reading  func(uintptr) bool

	// Of the reader.
	in    *inbuf
	from  int // what TLS has not got yet is in[from:to]
	to    int
	inErr error

	mu   sync.Mutex // held over writes, none of which waits
	out  []byte     // of the call of Write under way
	kept *[]byte    // what is unsent is kept[sent:]; nil: nothing
	sent int
	err  error
	// waits is whether something is kept. It changes within mu.
	waits atomic.Bool
}

// takeOver makes the carrier one that never waits. Nobody else uses it.
func (c *carrier) takeOver(b *buffers) error {
	raw, err := c.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	c.raw, c.buffers = raw, b
	c.pushing, c.draining, c.reading = c.push, c.drainOnce, c.readOnce
	return nil
}

// Write writes what the socket takes and keeps the rest. It fails when too much is kept, or once a
// write has failed.
func (c *carrier) Write(p []byte) (int, error) {
	if c.buffers == nil {
		return c.Conn.Write(p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = p
	if c.kept == nil && c.err == nil {
		if err := c.raw.Control(c.pushing); err != nil && c.err == nil {
			c.err = err
		}
	}
	if c.err == nil && len(c.out) > 0 {
		c.keep()
	}
	c.out = nil
	if c.err != nil {
		return 0, c.err
	}
	return len(p), nil
}

// keep puts what is left of out behind what is kept.
func (c *carrier) keep() {
	if c.kept == nil {
		c.kept, c.sent = c.buffers.getOut(), 0
	}
	if len(*c.kept)-c.sent+len(c.out) > maxUnsent {
		c.err = errUnsent
		return
	}
	*c.kept = append(append((*c.kept)[:0], (*c.kept)[c.sent:]...), c.out...)
	c.sent = 0
	c.waits.Store(true)
}

// push writes of out what the socket takes.
func (c *carrier) push(fd uintptr) {
	var n int
	n, c.err = writeSome(fd, c.out)
	c.out = c.out[n:]
}

// writeSome writes without waiting, and returns 0 where the socket is full.
func writeSome(fd uintptr, p []byte) (int, error) {
	for {
		n, err := unix.Write(int(fd), p)
		switch err {
		case nil:
			return n, nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, nil
		default:
			return 0, os.NewSyscallError("write", err)
		}
	}
}

// unsent reports whether something is kept.
func (c *carrier) unsent() bool { return c.waits.Load() }

// drainOnce writes what is kept, and reports false when the socket takes nothing.
func (c *carrier) drainOnce(fd uintptr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil || c.err != nil {
		return true
	}
	n, err := writeSome(fd, (*c.kept)[c.sent:])
	if c.err = err; err != nil {
		return true
	}
	if c.sent += n; c.sent == len(*c.kept) {
		c.buffers.putOut(c.kept)
		c.kept = nil
		c.waits.Store(false)
	}
	return n > 0
}

// flush writes at least one byte of what is kept, and waits for at most d until it can; 0: not at all.
// One goroutine at a time may call it.
func (c *carrier) flush(d time.Duration) error {
	var err error
	if d == 0 {
		err = c.raw.Control(func(fd uintptr) { c.drainOnce(fd) })
	} else if err = c.Conn.SetWriteDeadline(time.Now().Add(d)); err == nil {
		err = c.raw.Write(c.draining)
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Read returns bytes that fill has got, or errNoBytes.
func (c *carrier) Read(p []byte) (int, error) {
	if c.buffers == nil {
		return c.Conn.Read(p)
	}
	if c.in == nil {
		return 0, errNoBytes
	}
	n := copy(p, c.in[c.from:c.to])
	if c.from += n; c.from == c.to {
		c.release()
	}
	return n, nil
}

// fill waits for bytes of the client. TLS has taken all that came before.
func (c *carrier) fill() error {
	err := c.raw.Read(c.reading)
	if err == nil {
		err = c.inErr
	}
	if err != nil {
		c.release()
	}
	return err
}

// readOnce borrows memory only when there is something to read.
func (c *carrier) readOnce(fd uintptr) bool {
	if c.in == nil {
		c.in = c.buffers.in.Get().(*inbuf)
	}
	for {
		n, err := unix.Read(int(fd), c.in[:])
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			c.release()
			return false
		case err != nil:
			c.inErr = os.NewSyscallError("read", err)
			return true
		case n == 0:
			c.inErr = io.EOF
			return true
		default:
			c.from, c.to = 0, n
			return true
		}
	}
}

func (c *carrier) release() {
	if c.in != nil {
		c.buffers.in.Put(c.in)
		c.in = nil
	}
}

// SetWriteDeadline does nothing once the carrier is taken over: TLS sets one around its last alert that
// would end the writing of what came before.
func (c *carrier) SetWriteDeadline(t time.Time) error {
	if c.buffers != nil {
		return nil
	}
	return c.Conn.SetWriteDeadline(t)
}
