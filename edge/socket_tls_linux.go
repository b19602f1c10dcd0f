package edge

import (
	"crypto/tls"
	"errors"
	"time"
)

// maxRecord is how many bytes one record of TLS holds.
const maxRecord = 16 << 10

// errUnsent means that TLS has more to say than a client takes.
var errUnsent = errors.New("too much is unsent")

// errNoBytes tells TLS that there is nothing to read just now. It is of the kind after which TLS goes on.
var errNoBytes error = noBytes{}

type noBytes struct{}

func (noBytes) Error() string   { return "nothing to read" }
func (noBytes) Timeout() bool   { return true }
func (noBytes) Temporary() bool { return true }

// tlsSocket encrypts in the goroutine that writes, and decrypts in the one that reads, without either of them
// ever waiting within TLS: a link that has nothing to read or cannot be written to waits as a plain one does.
type tlsSocket struct {
	conn    *tls.Conn
	carrier *carrier
	plain   *inbuf // of the reader; nil while there is nothing to read
}

// newTLSSocket returns nil for a connection that is not over a carrier.
func newTLSSocket(conn *tls.Conn, b *buffers) *tlsSocket {
	c, ok := conn.NetConn().(*carrier)
	if !ok || c.takeOver(b) != nil {
		return nil
	}
	return &tlsSocket{conn: conn, carrier: c}
}

// try encrypts until the socket is full. What has been encrypted then counts as written: at most one record of
// it is unsent.
func (s *tlsSocket) try(bufs [][]byte) (int, error) {
	if s.carrier.unsent() {
		if err := s.carrier.flush(0); err != nil {
			return 0, err
		}
	}
	n := 0
	var joined *[]byte
	for len(bufs) > 0 && !s.carrier.unsent() {
		var record []byte
		if record = bufs[0]; len(record) < maxRecord && len(bufs) > 1 {
			if joined == nil {
				joined = s.carrier.buffers.getOut()
				defer s.carrier.buffers.putOut(joined)
			}
			*joined = join((*joined)[:0], bufs, maxRecord)
			record = *joined
		}
		k, err := s.conn.Write(record[:min(len(record), maxRecord)])
		n += k
		if err != nil {
			return n, err
		}
		bufs = remaining(bufs, k)
	}
	return n, nil
}

// write waits for what is unsent, then does what try does.
func (s *tlsSocket) write(bufs [][]byte, d time.Duration) (int, error) {
	if s.carrier.unsent() {
		if err := s.carrier.flush(d); err != nil {
			return 0, err
		}
	}
	return s.try(bufs)
}

func (s *tlsSocket) unsent() bool { return s.carrier.unsent() }

func (s *tlsSocket) settled() {
	_ = s.carrier.Conn.SetWriteDeadline(time.Time{}) // fails only when closed
}

func (s *tlsSocket) read() ([]byte, error) {
	for {
		if s.plain == nil {
			s.plain = s.carrier.buffers.in.Get().(*inbuf)
		}
		n, err := s.conn.Read(s.plain[:])
		if n > 0 {
			return s.plain[:n], nil // what err says the next call says again
		}
		s.release()
		if err != errNoBytes {
			return nil, err
		}
		if err := s.carrier.fill(); err != nil {
			return nil, err
		}
	}
}

func (s *tlsSocket) release() {
	if s.plain != nil {
		s.carrier.buffers.in.Put(s.plain)
		s.plain = nil
	}
}

func (s *tlsSocket) closeWrite() { _ = s.conn.CloseWrite() } // the peer may be gone, which the reader notices

func (s *tlsSocket) close() { _ = s.conn.Close() }
