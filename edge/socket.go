package edge

import (
	"io"
	"net"
	"sync"
	"time"
)

// socket is the way to a client. Reading has one goroutine at a time, writing has one, and close
// may be called by anybody.
type socket interface {
	// try writes as much of bufs as it can without waiting, and returns how much that was.
	try(bufs [][]byte) (int, error)
	// write writes at least one byte, of what is unsent or of bufs, and waits for at most d until it can. It
	// returns how much of bufs it took. The error is os.ErrDeadlineExceeded when it could not.
	write(bufs [][]byte, d time.Duration) (int, error)
	// unsent reports whether the socket keeps bytes that it took, or has itself to send. Anybody may call it.
	unsent() bool
	// settled ends a series of calls of write.
	settled()
	// read waits for bytes. They are valid until release is called.
	read() ([]byte, error)
	release()
	// closeWrite says that nothing more will be written.
	closeWrite()
	close()
}

// polled is a socket that is read from by somebody who reads from many. It has begin and aside in place of read and
// release.
type polled interface {
	socket
	// begin has what comes handed to take, bytes or the error that is the last, until take returns false. The bytes are
	// valid until it returns.
	begin(take func(p []byte, broken error) bool)
	// aside is called within take when that is about to wait.
	aside()
	// destroy is called in place of begin when nothing is to be read.
	destroy()
}

// inbuf is what one read fills.
type inbuf [8 << 10]byte

// buffers lends the memory that exists only while there are bytes to handle.
type buffers struct {
	in  sync.Pool // of *inbuf
	out sync.Pool // of *[]byte
}

func newBuffers() *buffers {
	return &buffers{
		in:  sync.Pool{New: func() any { return new(inbuf) }},
		out: sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }},
	}
}

// maxPooled is the size of the largest buffer that goes back to the pool.
const maxPooled = 64 << 10

func (b *buffers) getOut() *[]byte { return b.out.Get().(*[]byte) }

func (b *buffers) putOut(p *[]byte) {
	if cap(*p) <= maxPooled {
		*p = (*p)[:0]
		b.out.Put(p)
	}
}

// join appends what is in bufs to dst, which gets at most most bytes.
func join(dst []byte, bufs [][]byte, most int) []byte {
	for _, b := range bufs {
		b = b[:min(len(b), most-len(dst))]
		dst = append(dst, b...)
		if len(dst) == most {
			break
		}
	}
	return dst
}

// anySocket works for every net.Conn. It never writes without waiting, so every write of its link
// has a goroutine for as long as it takes.
type anySocket struct {
	conn    net.Conn
	buffers *buffers
	small   [256]byte
}

func (s *anySocket) try([][]byte) (int, error) { return 0, nil }

// write joins what is small, so that TLS makes few records of it.
func (s *anySocket) write(bufs [][]byte, d time.Duration) (int, error) {
	if err := s.conn.SetWriteDeadline(time.Now().Add(d)); err != nil {
		return 0, err
	}
	const most = 16 << 10
	first := bufs[0]
	if len(first) >= most || len(bufs) == 1 {
		return s.conn.Write(first[:min(len(first), most)])
	}
	joined := s.buffers.getOut()
	defer s.buffers.putOut(joined)
	*joined = join(*joined, bufs, most)
	return s.conn.Write(*joined)
}

func (s *anySocket) unsent() bool { return false }
func (s *anySocket) settled()     {}

func (s *anySocket) read() ([]byte, error) {
	n, err := s.conn.Read(s.small[:])
	if n > 0 {
		return s.small[:n], nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return nil, err
}

func (s *anySocket) release() {}

func (s *anySocket) closeWrite() {
	if c, ok := s.conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite() // the peer may be gone, which the reader notices
	}
}

func (s *anySocket) close() { _ = s.conn.Close() }
