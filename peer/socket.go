package peer

import (
	"bufio"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	readBuffer = 64 << 10
	// stallGrace is what a read that has timed out waits once more: the silence may have been this process's own, and what was said
	// meanwhile waits in the kernel.
	stallGrace = 20 * time.Millisecond
)

// socket is what lies below TLS. It reads through a buffer, gives up on a side that is silent, and gathers what is written.
type socket struct {
	net.Conn
	buffered  *bufio.Reader
	silence   time.Duration // set before frames are read; 0 leaves deadlines alone
	stalled   time.Duration // how long a write may take without being done; 0 leaves deadlines alone
	gathering bool          // set before frames are written

	received, sent atomic.Uint64
	traffic        *traffic // set before frames are read; nil: nobody counts

	mu       sync.Mutex
	gathered []byte
	spare    []byte // belongs to whoever flushes
}

func newSocket(c net.Conn) *socket {
	s := &socket{Conn: c}
	s.buffered = bufio.NewReaderSize(rawReader{s}, readBuffer)
	return s
}

// Read implements net.Conn.
func (s *socket) Read(b []byte) (int, error) { return s.buffered.Read(b) }

// rawReader reads past the buffer.
type rawReader struct{ *socket }

func (s rawReader) Read(b []byte) (int, error) {
	n, err := s.read(b, s.silence)
	if n == 0 && s.silence > 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		if n, err = s.read(b, stallGrace); n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
			err = errSilent
		}
	}
	s.received.Add(uint64(n))
	if s.traffic != nil {
		s.traffic.received.Add(uint64(n))
	}
	return n, err
}

func (s rawReader) read(b []byte, wait time.Duration) (int, error) {
	if wait > 0 {
		if err := s.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return 0, err
		}
	}
	return s.Conn.Read(b)
}

// Write implements net.Conn. While gathering it only keeps b, which is bounded by what is written between two flushes.
func (s *socket) Write(b []byte) (int, error) {
	if s.gathering {
		s.mu.Lock()
		s.gathered = append(s.gathered, b...)
		s.mu.Unlock()
		return len(b), nil
	}
	if s.stalled > 0 {
		if err := s.SetWriteDeadline(time.Now().Add(s.stalled)); err != nil {
			return 0, err
		}
	}
	n, err := s.Conn.Write(b)
	s.sent.Add(uint64(n))
	return n, err
}

// flush sends what was gathered with one write. Only one goroutine calls it.
func (s *socket) flush() error {
	s.mu.Lock()
	out := s.gathered
	s.gathered = s.spare[:0]
	s.mu.Unlock()
	n, err := s.Conn.Write(out)
	s.sent.Add(uint64(n))
	if s.traffic != nil {
		s.traffic.sent.Add(uint64(n))
		s.traffic.writes.Add(1)
	}
	if cap(out) > 4*batchBytes {
		out = nil
	}
	s.spare = out
	return err
}
