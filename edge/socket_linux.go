package edge

import (
	"crypto/tls"
	"net"
)

// newSocket returns the fast way where the connection is a plain socket, or TLS over a carrier. It may take c over.
func newSocket(c net.Conn, b *buffers, p *poller) socket {
	switch c := c.(type) {
	case *tls.Conn:
		if s := newTLSSocket(c, b, p); s != nil {
			return s
		}
	case *net.TCPConn, *net.UnixConn:
		if s, err := newPollSocket(c, p); err == nil {
			return s
		}
	}
	return &anySocket{conn: c, buffers: b}
}
