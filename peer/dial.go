package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

// connect makes a connection with r for frames and returns when it has ended, or why there is none.
func (m *Mesh) connect(ctx context.Context, r *remote, address string) error {
	c, err := m.dial(ctx, address, hello{purpose: forFrames, to: r.id})
	if err != nil {
		return err
	}
	if r.leads() {
		if refused := r.adopt(c, false); refused != nil {
			c.end(refused)
			return refused
		}
		if _, err := c.tls.Write(piece{kind: kindUse}.append(nil)); err != nil {
			c.end(err)
			r.release(c)
			return fmt.Errorf("connect to %s: %w", address, err)
		}
	} else if refused := r.adopt(c, true); refused != nil {
		c.end(refused)
		return refused
	}
	c.settle()
	r.run(ctx, c)
	return nil
}

// settle lets c live after the handshake's deadline.
func (c *conn) settle() { _ = c.socket.SetDeadline(time.Time{}) } // a connection that is closed says so on its first use

// dial connects to an address and shakes hands there. What it returns ends with the handshake's deadline unless settled.
func (m *Mesh) dial(ctx context.Context, address string, h hello) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, m.config.Handshake)
	defer cancel()
	deadline, _ := ctx.Deadline()
	raw, err := m.config.Dial(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	c, err := m.introduce(ctx, raw, deadline, address, h)
	if err != nil {
		_ = raw.Close()
		if ctx.Err() == nil && errors.Is(err, net.ErrClosed) {
			err = errStopped
		}
		return nil, fmt.Errorf("shake hands with %s: %w", address, err)
	}
	return c, nil
}

// introduce is the handshake of the node that dials.
func (m *Mesh) introduce(ctx context.Context, raw net.Conn, deadline time.Time, address string, h hello) (*conn, error) {
	if err := raw.SetDeadline(deadline); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	config := m.config.Credentials.TLS()
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		config.ServerName = host
	}
	s := newSocket(raw)
	c := &conn{socket: s, tls: tls.Client(s, config), address: address, began: time.Now(), done: make(chan struct{})}
	h.oldest, h.newest = oldestVersion, newestVersion
	h.node, h.name, h.instance, h.cluster = m.config.Node, m.config.Name, m.config.Instance, m.config.Cluster
	if _, err := c.tls.Write(h.append(nil)); err != nil {
		return nil, err
	}
	body, err := readMessage(c.tls)
	if err != nil {
		return nil, err
	}
	answer, err := decodeReply(body)
	if err != nil {
		return nil, err
	}
	if answer.reason != 0 {
		return nil, &Refusal{Reason: answer.reason, Text: printable(answer.text)}
	}
	if answer.version < oldestVersion || answer.version > newestVersion {
		return nil, refusal(ReasonVersion, "the other side speaks version %d, this one %d to %d", answer.version, oldestVersion, newestVersion)
	}
	if h.to != 0 && answer.node != h.to {
		return nil, refusal(ReasonWrongNode, "node %d is at the address of node %d", answer.node, h.to)
	}
	if err := m.config.Credentials.checks(c.tls.ConnectionState(), Identity{Node: answer.node, Name: answer.name}); err != nil {
		return nil, refusal(ReasonCertificate, "node %d %q: %v", answer.node, printable(answer.name), err)
	}
	c.node, c.name, c.instance, c.version = answer.node, answer.name, answer.instance, answer.version
	return c, nil
}

// printable returns what a foreign process said such that it can stand in a log.
func printable(s string) string {
	safe := []rune(s[:min(len(s), 300)])
	for i, c := range safe {
		if c < ' ' || c == 0x7f || c == '\uFFFD' {
			safe[i] = '?'
		}
	}
	return string(safe)
}

// known returns id when this node has its address, else 0.
func (m *Mesh) known(id journal.NodeID) journal.NodeID {
	if m.remote(id) == nil {
		return 0
	}
	return id
}
