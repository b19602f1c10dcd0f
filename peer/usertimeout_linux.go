package peer

import (
	"net"
	"syscall"
	"time"
)

const tcpUserTimeout = 18 // TCP_USER_TIMEOUT

// limitUnacknowledged has the kernel give c up when what was sent stays unacknowledged for that long. It is not known to fail, and
// silence is noticed without it.
func limitUnacknowledged(c net.Conn, d time.Duration) {
	if s, ok := c.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) {
				_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(d.Milliseconds()))
			})
		}
	}
}
