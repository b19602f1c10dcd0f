package peertest

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// window is how many bytes may be under way in one direction.
const window = 256 << 10

// half is one direction of a connection. The network's lock guards it.
type half struct {
	way
	sent   []sent
	size   int
	ended  bool // by the sender
	broken bool
}

// sent is what one write has sent.
type sent struct {
	data []byte
	due  time.Time
}

// conn is one end of a connection. The network's lock guards it.
type conn struct {
	network     *Network
	in, out     *half
	closed      bool
	read, write time.Time // deadlines
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (n int, err error) {
	err = c.wait(&c.read, func(now time.Time) (bool, time.Time, error) {
		switch h := c.in; {
		case h.broken:
			return true, time.Time{}, syscall.ECONNRESET
		case c.network.cut[h.way]:
			return false, time.Time{}, nil
		case len(h.sent) > 0 && h.sent[0].due.After(now):
			return false, h.sent[0].due, nil
		case len(h.sent) > 0:
			n = copy(b, h.sent[0].data)
			h.sent[0].data = h.sent[0].data[n:]
			h.size -= n
			if len(h.sent[0].data) == 0 {
				h.sent = h.sent[1:]
			}
			c.network.wake()
			return true, time.Time{}, nil
		case h.ended:
			return true, time.Time{}, io.EOF
		}
		return false, time.Time{}, nil
	})
	return n, err
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (n int, err error) {
	for first := true; first || n < len(b); first = false {
		err := c.wait(&c.write, func(now time.Time) (bool, time.Time, error) {
			h := c.out
			if h.broken || c.in.ended && !c.network.cut[c.in.way] {
				return true, time.Time{}, syscall.ECONNRESET
			}
			room := min(window-h.size, len(b)-n)
			if room == 0 && len(b) > 0 {
				return false, time.Time{}, nil
			}
			h.sent = append(h.sent, sent{data: append([]byte(nil), b[n:n+room]...), due: now.Add(c.network.delay[h.way])})
			h.size += room
			n += room
			c.network.wake()
			return true, time.Time{}, nil
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// wait calls try, with the network locked, until it is done, trying again when something has changed and at the time it returns.
func (c *conn) wait(deadline *time.Time, try func(now time.Time) (done bool, again time.Time, err error)) error {
	n := c.network
	n.mu.Lock()
	defer n.mu.Unlock()
	for {
		now := time.Now()
		if c.closed {
			return &net.OpError{Op: "use", Net: "memory", Err: net.ErrClosed}
		}
		if !deadline.IsZero() && !now.Before(*deadline) {
			return os.ErrDeadlineExceeded
		}
		done, again, err := try(now)
		if done {
			return err
		}
		if again.IsZero() || !deadline.IsZero() && deadline.Before(again) {
			again = *deadline
		}
		var late <-chan time.Time
		var timer *time.Timer
		if !again.IsZero() {
			timer = time.NewTimer(again.Sub(now))
			late = timer.C
		}
		changed := n.changed
		n.mu.Unlock()
		select {
		case <-changed:
		case <-late:
		}
		if timer != nil {
			timer.Stop()
		}
		n.mu.Lock()
	}
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.network.mu.Lock()
	defer c.network.mu.Unlock()
	c.closed, c.out.ended = true, true
	delete(c.network.conns, c)
	c.network.wake()
	return nil
}

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return address(c.out.from) }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return address(c.out.to) }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error { return c.deadlines(t, true, true) }

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error { return c.deadlines(t, true, false) }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.deadlines(t, false, true) }

func (c *conn) deadlines(t time.Time, read, write bool) error {
	c.network.mu.Lock()
	defer c.network.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	if read {
		c.read = t
	}
	if write {
		c.write = t
	}
	c.network.wake()
	return nil
}
