package edge

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// newSocket returns the fast way where the connection is a plain socket, or TLS over a carrier.
func newSocket(c net.Conn, b *buffers) socket {
	switch c := c.(type) {
	case *tls.Conn:
		if s := newTLSSocket(c, b); s != nil {
			return s
		}
	case *net.TCPConn, *net.UnixConn:
		if raw, err := c.(syscall.Conn).SyscallConn(); err == nil {
			s := &rawSocket{conn: c, raw: raw, buffers: b}
			s.writing, s.reading = s.writeOnce, s.readOnce
			return s
		}
	}
	return &anySocket{conn: c, buffers: b}
}

// rawSocket writes to and reads from the file descriptor: one system call for many pieces, and no
// memory for a read that has nothing to read yet.
type rawSocket struct {
	conn             net.Conn
	raw              syscall.RawConn
	buffers          *buffers
	writing, reading func(uintptr) bool // bound once, since binding allocates

	// The call of write under way.
	out     [][]byte
	patient bool // wait until the socket takes bytes
	outN    int
	outErr  error

	// The call of read under way.
	in    *inbuf
	inN   int
	inErr error
}

func (s *rawSocket) try(bufs [][]byte) (int, error) {
	s.out, s.patient = bufs, false
	return s.finish(s.raw.Write(s.writing))
}

func (s *rawSocket) write(bufs [][]byte, d time.Duration) (int, error) {
	if err := s.conn.SetWriteDeadline(time.Now().Add(d)); err != nil {
		return 0, err
	}
	s.out, s.patient = bufs, true
	return s.finish(s.raw.Write(s.writing))
}

func (s *rawSocket) finish(err error) (int, error) {
	n, own := s.outN, s.outErr
	s.out, s.outN, s.outErr = nil, 0, nil
	if err == nil {
		err = own
	}
	return n, err
}

// writeOnce reports false to be called again once the socket takes bytes.
func (s *rawSocket) writeOnce(fd uintptr) bool {
	for {
		var n int
		var err error
		if len(s.out) == 1 {
			n, err = unix.Write(int(fd), s.out[0])
		} else {
			n, err = unix.Writev(int(fd), s.out)
		}
		switch err {
		case nil:
			s.outN = n
			return true
		case unix.EINTR:
		case unix.EAGAIN:
			return !s.patient
		default:
			s.outErr = os.NewSyscallError("writev", err)
			return true
		}
	}
}

func (s *rawSocket) unsent() bool { return false }

func (s *rawSocket) settled() {
	_ = s.conn.SetWriteDeadline(time.Time{}) // fails only when closed
}

func (s *rawSocket) read() ([]byte, error) {
	if err := s.raw.Read(s.reading); err != nil {
		s.release()
		return nil, err
	}
	if s.inErr != nil {
		return nil, s.inErr
	}
	return s.in[:s.inN], nil
}

// readOnce borrows memory only when there is something to read.
func (s *rawSocket) readOnce(fd uintptr) bool {
	if s.in == nil {
		s.in = s.buffers.in.Get().(*inbuf)
	}
	for {
		n, err := unix.Read(int(fd), s.in[:])
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			s.release()
			return false
		case err != nil:
			s.release()
			s.inErr = os.NewSyscallError("read", err)
			return true
		case n == 0:
			s.release()
			s.inErr = io.EOF
			return true
		default:
			s.inN = n
			return true
		}
	}
}

func (s *rawSocket) release() {
	if s.in != nil {
		s.buffers.in.Put(s.in)
		s.in = nil
	}
}

func (s *rawSocket) closeWrite() {
	if c, ok := s.conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite() // the peer may be gone, which the reader notices
	}
}

func (s *rawSocket) close() { _ = s.conn.Close() }
