package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"
)

// unproved holds the connections that have not proved to be a node's. Beyond the bound the oldest makes room.
type unproved struct {
	most int

	mu    sync.Mutex
	conns []net.Conn // oldest first
}

func (u *unproved) add(c net.Conn) {
	u.mu.Lock()
	var oldest net.Conn
	if len(u.conns) >= u.most {
		oldest = u.conns[0]
		u.conns = append(u.conns[:0], u.conns[1:]...)
	}
	u.conns = append(u.conns, c)
	u.mu.Unlock()
	if oldest != nil {
		_ = oldest.Close() // nobody knows who it was
	}
}

// remove says whether c was there still.
func (u *unproved) remove(c net.Conn) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i, other := range u.conns {
		if other == c {
			u.conns = append(u.conns[:i], u.conns[i+1:]...)
			return true
		}
	}
	return false
}

func (u *unproved) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.conns)
}

func (u *unproved) closeAll() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, c := range u.conns {
		_ = c.Close() // the node stops
	}
}

// accept takes connections until ctx is done or the listener fails.
func (m *Mesh) accept(ctx context.Context) error {
	if m.config.Listener == nil {
		<-ctx.Done()
		return nil
	}
	stop := context.AfterFunc(ctx, func() { _ = m.config.Listener.Close() }) // it is wanted no more
	defer stop()
	for {
		raw, err := m.config.Listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = raw.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("peer: accept: %w", err)
		case err != nil: // as when there are too many open files
			m.report(slog.String("listener", m.config.Listener.Addr().String()), "", "node connection not accepted", err)
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
			continue
		}
		m.unproved.add(raw)
		m.tasks.Go(func() { m.welcome(ctx, raw) })
	}
}

// welcome shakes hands with whoever dialed, and serves the connection until it ends.
func (m *Mesh) welcome(ctx context.Context, raw net.Conn) {
	s := newSocket(raw)
	c := &conn{socket: s, tls: tls.Server(s, m.config.Credentials.TLS()), address: raw.RemoteAddr().String(), began: time.Now(), done: make(chan struct{})}
	defer c.end(errStopped)
	stop := context.AfterFunc(ctx, func() { c.end(errStopped) })
	defer stop()
	_ = raw.SetDeadline(time.Now().Add(m.config.Handshake)) // a connection that is closed says so on its first use
	h, err := m.hear(c)
	proved := m.unproved.remove(raw)
	if err == nil && !proved {
		err = errors.New("made room for newer connections")
	}
	if err == nil {
		if refused := m.judge(ctx, c, h); refused != nil {
			m.refuse(c, refused)
			err = refused
		}
	}
	if err != nil {
		if ctx.Err() == nil {
			m.refused.Add(1)
			m.turnedAway(c, h, err)
		}
		return
	}
	if h.purpose != forFrames {
		m.serve(ctx, c, h)
		return
	}
	r := m.remote(h.node)
	if r == nil {
		m.refuse(c, refusal(ReasonStranger, "node %d was removed", h.node))
		return
	}
	if err := m.stand(c, r); err != nil {
		return // what matters was said, or the other node chose another connection
	}
	r.run(ctx, c)
}

// hear reads a hello from whoever has the right credentials.
func (m *Mesh) hear(c *conn) (hello, error) {
	body, err := readMessage(c.tls)
	if err != nil {
		return hello{}, err
	}
	return decodeHello(body)
}

// judge says why the node that says h is refused, and takes note of who it is.
func (m *Mesh) judge(ctx context.Context, c *conn, h hello) *Refusal {
	self := m.config.Node
	c.node, c.name, c.instance, c.version = h.node, printable(h.name), h.instance, min(h.newest, newestVersion)
	switch {
	case h.newest < oldestVersion || h.oldest > newestVersion:
		return refusal(ReasonVersion, "node %d speaks versions %d to %d of the protocol, node %d %d to %d",
			h.node, h.oldest, h.newest, self, oldestVersion, newestVersion)
	case h.cluster != m.config.Cluster:
		return refusal(ReasonCluster, "node %d is of the cluster %q, node %d of %q", h.node, printable(h.cluster), self, m.config.Cluster)
	case h.node != 0 && h.node == self && h.instance == m.config.Instance:
		return refusal(ReasonSelf, "node %d has reached itself", self)
	case h.node != 0 && h.node == self:
		return refusal(ReasonDuplicate, "node %d is this node, another process", self)
	case h.to != 0 && h.to != self:
		return refusal(ReasonWrongNode, "node %d is at the address of node %d", self, h.to)
	}
	if err := m.config.Credentials.checks(c.tls.ConnectionState(), Identity{Node: h.node, Name: h.name}); err != nil {
		return refusal(ReasonCertificate, "node %d %q: %v", h.node, c.name, err)
	}
	r := m.remote(h.node)
	if h.purpose == forFrames {
		if r == nil {
			return refusal(ReasonStranger, "node %d is no member that node %d knows", h.node, self)
		}
	} else if refused := m.serves(h, r != nil); refused != nil {
		return refused
	}
	if r != nil {
		return r.alone(ctx, h.instance)
	}
	return nil
}

// stand settles with the node that dialed c whether frames go over it.
func (m *Mesh) stand(c *conn, r *remote) error {
	if r.leads() {
		if refused := r.adopt(c, false); refused != nil {
			m.refuse(c, refused)
			return refused
		}
		if err := m.agree(c); err != nil {
			c.end(err)
			r.release(c)
			return err
		}
		c.settle()
		return nil
	}
	if err := m.agree(c); err != nil {
		return err
	}
	if err := readUse(c.tls); err != nil {
		return err
	}
	if refused := r.adopt(c, true); refused != nil {
		return refused
	}
	c.settle()
	return nil
}

// agree tells the node that dialed that it is welcome.
func (m *Mesh) agree(c *conn) error {
	r := reply{version: c.version, node: m.config.Node, instance: m.config.Instance, name: m.config.Name}
	_, err := c.tls.Write(r.append(nil))
	return err
}

// refuse tells the node that dialed why not.
func (m *Mesh) refuse(c *conn, why *Refusal) {
	r := reply{reason: why.Reason, version: newestVersion, node: m.config.Node, instance: m.config.Instance, name: m.config.Name, text: why.Text}
	_ = c.socket.SetWriteDeadline(time.Now().Add(m.config.Handshake))
	_, _ = c.tls.Write(r.append(nil)) // it hears why, or that the connection has ended
}

// turnedAway reports who was refused.
func (m *Mesh) turnedAway(c *conn, h hello, err error) {
	if h.node != 0 {
		m.report(slog.Uint64("node", uint64(h.node)), c.address, "node refused", err)
		return
	}
	host, _, splitErr := net.SplitHostPort(c.address)
	if splitErr != nil {
		host = c.address
	}
	m.report(slog.String("host", host), c.address, "connection refused", err)
}
