package edge

import (
	"crypto/tls"
	"errors"
	"net"
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

// tlsSocket encrypts in the goroutine that writes, and decrypts in the poller's, without either of them ever waiting
// within TLS: a link that has nothing to read or cannot be written to waits as a plain one does.
type tlsSocket struct {
	conn    *tls.Conn
	carrier *carrier
	take    func(p []byte, broken error) bool // of begin
}

var _ polled = (*tlsSocket)(nil)

// newTLSSocket returns nil for a connection that is not over a carrier.
func newTLSSocket(conn *tls.Conn, b *buffers, p *poller) *tlsSocket {
	c, ok := conn.NetConn().(*carrier)
	if !ok || c.takeOver(b, p) != nil {
		return nil
	}
	return &tlsSocket{conn: conn, carrier: c}
}

// try encrypts until the socket is full. What has been encrypted then counts as written: at most one record of
// it is unsent.
func (s *tlsSocket) try(bufs [][]byte) (int, error) {
	if s.carrier.unsent() {
		if _, err := s.carrier.drain(); err != nil {
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

func (s *tlsSocket) settled() {}

func (s *tlsSocket) begin(take func(p []byte, broken error) bool) {
	s.take = take
	if !s.decrypt(nil, nil) { // TLS may have more than it was asked for
		s.destroy()
		return
	}
	s.carrier.socket.begin(s.decrypt)
}

// decrypt hands on what is in p, which TLS takes all of: it keeps the beginning of a record.
func (s *tlsSocket) decrypt(p []byte, broken error) bool {
	if broken != nil {
		return s.take(nil, broken)
	}
	s.carrier.in = p
	plain := s.carrier.buffers.in.Get().(*inbuf)
	defer s.carrier.buffers.in.Put(plain)
	for {
		n, err := s.conn.Read(plain[:])
		switch {
		case n > 0: // what err says the next call says again
			if !s.take(plain[:n], nil) {
				return false
			}
		case err == errNoBytes:
			return !s.unsent() || s.take(nil, nil) // which looks after what is unsent
		default:
			return s.take(nil, err)
		}
	}
}

func (s *tlsSocket) aside()   { s.carrier.socket.aside() }
func (s *tlsSocket) destroy() { s.carrier.socket.destroy() }

// read and release are not called: see begin.
func (s *tlsSocket) read() ([]byte, error) { return nil, net.ErrClosed }
func (s *tlsSocket) release()              {}

func (s *tlsSocket) closeWrite() { _ = s.conn.CloseWrite() } // the peer may be gone, which the reader notices

func (s *tlsSocket) close() { _ = s.conn.Close() }
