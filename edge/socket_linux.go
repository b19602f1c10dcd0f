package edge

import (
	"crypto/tls"
	"net"
	"time"

	"golang.org/x/sys/unix"
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

// giveUpAfter has the connection break when its client has not acknowledged for that long what was sent to it.
func giveUpAfter(c net.Conn, d time.Duration) {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	if below, ok := c.(*carrier); ok {
		c = below.Conn
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return // closed, which the reader notices
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
	})
}
