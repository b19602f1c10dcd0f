package edge

import "net"

// Listener returns l with connections that can carry TLS to links: what a link sends over them is written
// without waiting, as over a plain connection. It belongs between l and [crypto/tls.NewListener]; a link over
// any other TLS connection works too, but needs a goroutine for each write. Where the system has no such
// writes it returns l.
func Listener(l net.Listener) net.Listener { return carry(l) }
