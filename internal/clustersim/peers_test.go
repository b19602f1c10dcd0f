package clustersim_test

import (
	"context"
	"errors"
	"io"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
)

// peers are the ways of one process's journal to others.
type peers struct {
	net     *network
	self    *process
	streams map[journal.NodeID]*stream
}

var _ diskjournal.Peers = (*peers)(nil)

// Send sends a frame where there is a connection.
func (p *peers) Send(to journal.NodeID, frame []byte) bool {
	n, from := p.net, p.self.number
	n.mu.Lock()
	defer n.mu.Unlock()
	there := n.alive[int(to)]
	c := &n.pair(from, int(to)).peers
	if n.alive[from] != p.self || there == nil || !c.up || n.ended {
		return false
	}
	s := p.streams[to]
	if s == nil {
		s = &stream{net: n, from: from, to: int(to)}
		p.streams[to] = s
	}
	return n.put(c, s, func() {
		if n.is(int(to), there) {
			there.journal.Deliver(journal.NodeID(from), frame)
		}
	})
}

// is reports whether that process is the node's, now.
func (n *network) is(id int, x *process) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.alive[id] == x
}

var errNoWay = errors.New("no way to the node")

// Fetch has another node serve a request, until the connection breaks.
func (p *peers) Fetch(ctx context.Context, from journal.NodeID, request []byte) (io.ReadCloser, error) {
	n, self := p.net, p.self.number
	n.mu.Lock()
	defer n.mu.Unlock()
	there := n.alive[int(from)]
	c := &n.pair(self, int(from)).peers
	if n.alive[self] != p.self || there == nil || !c.up || n.ended || n.blocked(self, int(from)) || n.blocked(int(from), self) {
		return nil, errNoWay
	}
	r, w := io.Pipe()
	breaks := c.breaks
	done := make(chan struct{})
	n.carriers.Go(func() {
		defer close(done)
		_ = w.CloseWithError(there.journal.ServeBulk(ctx, w, request))
	})
	n.carriers.Go(func() {
		select {
		case <-breaks:
			_ = w.CloseWithError(errNoWay)
		case <-done:
		}
	})
	return r, nil
}
