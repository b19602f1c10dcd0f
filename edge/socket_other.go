//go:build !linux

package edge

import "net"

func newSocket(c net.Conn, b *buffers, _ *poller) socket { return &anySocket{conn: c, buffers: b} }
