//go:build !linux

package edge

import "net"

func newSocket(c net.Conn, b *buffers) socket { return &anySocket{conn: c, buffers: b} }

func carry(l net.Listener) net.Listener { return l }
