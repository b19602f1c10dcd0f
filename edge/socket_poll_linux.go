package edge

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pollSocket is a plain socket that a poller reads from: one system call writes many pieces, and while there is nothing
// to read it keeps neither a goroutine nor memory to read into.
type pollSocket struct {
	poller *poller
	take   func(p []byte, broken error) bool // of begin

	mu       sync.Mutex    // held over calls that use fd, none of which waits
	fd       int           // -1 once it is closed
	shut     bool          // close was called
	reads    bool          // the poller tells of bytes that came
	writable chan struct{} // of a write that waits; nil: none

	polled bool // the poller's goroutine is within ready
}

// newPollSocket takes the connection over, which is closed for everybody else.
func newPollSocket(c net.Conn, p *poller) (*pollSocket, error) {
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, err
	}
	if err := p.start(); err != nil {
		return nil, err
	}
	s := &pollSocket{poller: p, fd: -1}
	closed := raw.Control(func(fd uintptr) { s.fd, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if err := errors.Join(closed, err); err != nil {
		return nil, fmt.Errorf("dup: %w", err)
	}
	if err := p.add(s); err != nil {
		p.remove(s)
		unix.Close(s.fd)
		return nil, err
	}
	_ = c.Close() // the socket lives on in its other file descriptor
	return s, nil
}

// begin has what comes handed to take, until take returns false. An error is the last that take gets. Neither
// bytes nor errors come at the same time, and the bytes are valid until take returns.
func (s *pollSocket) begin(take func(p []byte, broken error) bool) {
	s.take = take
	s.tell(true)
}

// aside says that take is about to wait for something. Others are then read from meanwhile.
func (s *pollSocket) aside() {
	if !s.polled {
		return
	}
	s.polled = false
	s.tell(false)
	s.poller.handOver()
}

// tell says whether the poller is to tell of what came.
func (s *pollSocket) tell(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads = on
	s.arm()
}

// arm tells the poller what to wait for. mu is held.
func (s *pollSocket) arm() {
	if s.fd < 0 {
		return
	}
	e := unix.EpollEvent{Fd: int32(s.fd)}
	if s.reads {
		e.Events |= unix.EPOLLIN | unix.EPOLLRDHUP
	} else {
		e.Events |= unix.EPOLLONESHOT // an error is told of even so, but once
	}
	if s.writable != nil {
		e.Events |= unix.EPOLLOUT
	}
	_ = s.poller.control(unix.EPOLL_CTL_MOD, s.fd, &e) // fails only for a socket that is not there
}

// ready is called by the poller's goroutine when something has happened.
func (s *pollSocket) ready(events uint32) {
	const broken = unix.EPOLLERR | unix.EPOLLHUP
	s.mu.Lock()
	if s.writable != nil && events&(unix.EPOLLOUT|broken) != 0 {
		close(s.writable)
		s.writable = nil
		s.arm()
	}
	reads := s.reads
	s.mu.Unlock()
	if !reads || events&(unix.EPOLLIN|unix.EPOLLRDHUP|broken) == 0 {
		return
	}
	s.polled = true
	more := s.receive(s.poller.buf)
	own := s.polled
	s.polled = false
	switch {
	case !more:
		s.destroy()
	case !own:
		s.tell(true)
	}
}

// receive reads once. It reports false when nothing more is to be read.
func (s *pollSocket) receive(buf []byte) bool {
	for {
		n, err := unix.Read(s.fd, buf) // only this goroutine closes it
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return true
		case err != nil:
			return s.take(nil, os.NewSyscallError("read", err))
		case n == 0:
			return s.take(nil, io.EOF)
		default:
			return s.take(buf[:n], nil)
		}
	}
}

// destroy gives the file descriptor back.
func (s *pollSocket) destroy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return
	}
	s.poller.remove(s)
	_ = unix.Close(s.fd)
	s.fd, s.shut, s.reads = -1, true, false
	if s.writable != nil {
		close(s.writable)
		s.writable = nil
	}
}

func (s *pollSocket) try(bufs [][]byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if s.shut {
			return 0, net.ErrClosed
		}
		var n int
		var err error
		if len(bufs) == 1 {
			n, err = unix.Write(s.fd, bufs[0])
		} else {
			n, err = unix.Writev(s.fd, bufs)
		}
		switch err {
		case nil:
			return n, nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, nil
		default:
			return 0, os.NewSyscallError("writev", err)
		}
	}
}

func (s *pollSocket) write(bufs [][]byte, d time.Duration) (int, error) {
	limit := time.NewTimer(d)
	defer limit.Stop()
	for {
		if n, err := s.try(bufs); n > 0 || err != nil {
			return n, err
		}
		if !s.await(limit.C) {
			return 0, os.ErrDeadlineExceeded
		}
	}
}

// await waits until the socket takes bytes or is closed. It reports false when limit came first.
func (s *pollSocket) await(limit <-chan time.Time) bool {
	select {
	case <-s.waitWritable():
		return true
	case <-limit:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writable = nil
	s.arm()
	return false
}

// waitWritable returns a channel that is closed once the socket takes bytes or is closed.
func (s *pollSocket) waitWritable() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := make(chan struct{})
	if s.fd < 0 {
		close(c)
		return c
	}
	s.writable = c
	s.arm()
	return c
}

func (s *pollSocket) unsent() bool { return false }
func (s *pollSocket) settled()     {}

// read and release are not called: see begin.
func (s *pollSocket) read() ([]byte, error) { return nil, net.ErrClosed }
func (s *pollSocket) release()              {}

func (s *pollSocket) closeWrite() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.shut {
		_ = unix.Shutdown(s.fd, unix.SHUT_WR) // the peer may be gone, which the reader notices
	}
}

// close ends the connection. The poller notices that and closes the file descriptor, so that nobody who is
// about to use it meets another's.
func (s *pollSocket) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.shut {
		s.shut = true
		_ = unix.Shutdown(s.fd, unix.SHUT_RDWR) // see closeWrite
	}
}
