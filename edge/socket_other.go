//go:build !linux

package edge

import (
	"net"
	"time"
)

func newSocket(c net.Conn, b *buffers, _ *poller) socket { return &anySocket{conn: c, buffers: b} }

// giveUpAfter leaves it to the system to notice that a client is gone.
func giveUpAfter(net.Conn, time.Duration) {}
