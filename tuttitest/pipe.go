package tuttitest

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipeBytes is how much one direction of a connection holds, as a socket's buffers would.
const pipeBytes = 256 << 10

var errCut = errors.New("tuttitest: connection was cut")

// newPipe returns the two ends of a connection in memory. Unlike net.Pipe it holds what was written
// until it is read.
func newPipe(local, remote net.Addr) (client, server *pipeEnd) {
	up, down := newDirection(), newDirection()
	return &pipeEnd{in: down, out: up, local: local, remote: remote},
		&pipeEnd{in: up, out: down, local: remote, remote: local}
}

// pipeEnd is one end of a connection.
type pipeEnd struct {
	in, out       *direction
	local, remote net.Addr
}

var _ net.Conn = (*pipeEnd)(nil)

func (p *pipeEnd) Read(b []byte) (int, error)  { return p.in.read(b) }
func (p *pipeEnd) Write(b []byte) (int, error) { return p.out.write(b) }
func (p *pipeEnd) LocalAddr() net.Addr         { return p.local }
func (p *pipeEnd) RemoteAddr() net.Addr        { return p.remote }

// CloseWrite lets the other end read what is there, and then io.EOF.
func (p *pipeEnd) CloseWrite() error {
	p.out.end(io.EOF)
	return nil
}

// Close does the same, and lets the other end write no more.
func (p *pipeEnd) Close() error {
	p.out.end(io.EOF)
	p.in.end(net.ErrClosed)
	return nil
}

// cut breaks the connection for both ends at once: what was under way is lost.
func (p *pipeEnd) cut() {
	p.in.end(errCut)
	p.out.end(errCut)
}

func (p *pipeEnd) SetReadDeadline(t time.Time) error  { return p.in.setDeadline(&p.in.readBy, t) }
func (p *pipeEnd) SetWriteDeadline(t time.Time) error { return p.out.setDeadline(&p.out.writeBy, t) }

func (p *pipeEnd) SetDeadline(t time.Time) error {
	return errors.Join(p.SetReadDeadline(t), p.SetWriteDeadline(t))
}

// direction carries bytes one way.
type direction struct {
	mu              sync.Mutex
	data            []byte
	err             error // why nothing more is written
	readBy, writeBy time.Time
	changed         chan struct{} // closed at the next change
}

func newDirection() *direction { return &direction{changed: make(chan struct{})} }

// change tells everybody who waits. d.mu is held.
func (d *direction) change() {
	close(d.changed)
	d.changed = make(chan struct{})
}

func (d *direction) setDeadline(which *time.Time, t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	*which = t
	d.change()
	return nil
}

// end lets nothing more be written. Only after io.EOF can what is there still be read.
func (d *direction) end(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil || d.err == io.EOF {
		d.err = err
	}
	if err != io.EOF {
		d.data = nil
	}
	d.change()
}

func (d *direction) read(b []byte) (int, error) {
	for {
		d.mu.Lock()
		var n int
		err := d.err
		switch {
		case expired(d.readBy):
			err = os.ErrDeadlineExceeded
		case len(d.data) > 0:
			n, err = copy(b, d.data), nil
			d.data = d.data[n:]
			d.change()
		}
		deadline, changed := d.readBy, d.changed
		d.mu.Unlock()
		if n > 0 || err != nil || len(b) == 0 {
			return n, err
		}
		await(changed, deadline)
	}
}

func (d *direction) write(b []byte) (int, error) {
	written := 0
	for {
		d.mu.Lock()
		err := d.err
		if err == io.EOF {
			err = net.ErrClosed
		}
		if err == nil && expired(d.writeBy) {
			err = os.ErrDeadlineExceeded
		}
		if n := min(pipeBytes-len(d.data), len(b)-written); err == nil && n > 0 {
			d.data = append(d.data, b[written:written+n]...)
			written += n
			d.change()
		}
		deadline, changed := d.writeBy, d.changed
		d.mu.Unlock()
		if written == len(b) || err != nil {
			return written, err
		}
		await(changed, deadline)
	}
}

func expired(deadline time.Time) bool { return !deadline.IsZero() && !time.Now().Before(deadline) }

// await waits for a change, or for the deadline.
func await(changed <-chan struct{}, deadline time.Time) {
	if deadline.IsZero() {
		<-changed
		return
	}
	t := time.NewTimer(time.Until(deadline))
	defer t.Stop()
	select {
	case <-changed:
	case <-t.C:
	}
}
