package node

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// connections are those of one server that are no links. When there are too many, the one that has waited longest
// without a request makes room, so that connections that never come to a request do not keep out those that do: whoever
// wants to would have to open as many as may be there in the time of one handshake.
type connections struct {
	most int

	mu      sync.Mutex
	open    map[net.Conn]*list.Element // in waiting; nil while a request is served
	waiting list.List                  // of net.Conn, without a complete request, the oldest first
}

func newConnections(most int) *connections {
	return &connections{most: most, open: make(map[net.Conn]*list.Element)}
}

// waits leaves c out while its request waits as a link, and counts it in again.
func (s *connections) waits(c net.Conn, waits bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !waits {
		s.open[c] = nil
		return
	}
	if at, known := s.open[c]; known && at == nil {
		delete(s.open, c)
	}
}

// see is what http.Server.ConnState calls. A connection that has to go is closed before anything more becomes of it.
func (s *connections) see(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.move(c, state)
	if secure, ok := out.(*tls.Conn); ok {
		out = secure.NetConn() // TLS would wait for its client to take a last record
	}
	if out != nil {
		_ = out.Close() // the server finds that out and reports StateClosed
	}
}

// move notes what has become of c, and returns the connection that has to go. mu is held.
func (s *connections) move(c net.Conn, state http.ConnState) (out net.Conn) {
	at, known := s.open[c]
	if !known && state != http.StateNew {
		return nil // it had to go
	}
	if at != nil {
		s.waiting.Remove(at)
	}
	switch state {
	case http.StateNew, http.StateIdle:
		s.open[c] = s.waiting.PushBack(c)
	case http.StateActive:
		s.open[c] = nil
	default:
		delete(s.open, c)
	}
	if len(s.open) <= s.most {
		return nil
	}
	out = s.waiting.Remove(s.waiting.Front()).(net.Conn) // c is there, if nobody else
	delete(s.open, out)
	return out
}
