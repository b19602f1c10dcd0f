package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/gobwas/ws"
)

// Role is what a link to a peer is for.
type Role string

// The roles.
const (
	RoleSubscribe Role = "sub"  // gets what is published at its object
	RolePublish   Role = "pub"  // publishes, and gets no broadcast
	RoleEcho      Role = "echo" // gets back what it sends
	RoleAdd       Role = "add"  // adds to its object, which answers with its value
)

// Peer is a server of any make, and how it is spoken to. Load generators send texts of [TextBytes] and find them again
// in what the server sends, however they are wrapped there. The functions that append must be safe for concurrent use.
type Peer struct {
	URL      string // ws://host:port
	Protocol string // offered as subprotocol; empty: none
	Header   http.Header
	// Path returns path and query for a link to an object. number tells the links of a run apart.
	Path func(role Role, object string, number int) string

	// Hello returns the first message of a client; nil: there is none.
	Hello   func(role Role, object string) []byte
	Ready   []byte   // how the message begins with which the server accepts; nil: the upgrade is all
	Beat    []byte   // a heartbeat in the server's own dialect; nil: none
	Pulse   []byte   // its answer
	Failure [][]byte // how messages begin that mean a failure

	Publish func(dst []byte, id uint64, text []byte) []byte
	Echo    func(dst []byte, id uint64, text []byte) []byte
	// Add appends the request to add one. Its answer has "id": and "n":, the object's value then.
	Add func(dst []byte, id uint64) []byte

	Answer     []byte // how the answer to something published begins; nil: there is none
	Unanswered int    // most of these at once, if there are answers
}

// dial brings a link that the server has accepted.
func (p *Peer) dial(ctx context.Context, role Role, object string, number int) (*link, error) {
	dialer := ws.Dialer{Header: ws.HandshakeHeaderHTTP(p.Header)} // offers no permessage-deflate
	if p.Protocol != "" {
		dialer.Protocols = []string{p.Protocol}
	}
	path := p.Path(role, object, number)
	c, early, hs, err := dialer.Dial(ctx, p.URL+path)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", path, err)
	}
	l := &link{conn: c, in: make([]byte, readBytes)}
	if early != nil { // what the server sent together with its answer to the upgrade
		b, _ := early.Peek(early.Buffered())
		l.in = append(append([]byte(nil), b...), l.in...)
		l.to = len(b)
		ws.PutReader(early)
	}
	err = p.greet(ctx, l, role, object)
	if len(hs.Extensions) > 0 {
		err = fmt.Errorf("an extension that was not offered: %s", hs.Extensions[0].Name)
	}
	if err != nil {
		l.close()
		return nil, fmt.Errorf("connect to %s: %w", path, err)
	}
	return l, nil
}

// greet says hello and waits until the server accepts.
func (p *Peer) greet(ctx context.Context, l *link, role Role, object string) error {
	if p.Hello != nil {
		l.queue(ws.OpText, p.Hello(role, object))
	}
	deadline, _ := ctx.Deadline() // none is the zero time, which is none too
	if err := errors.Join(l.flush(), l.conn.SetDeadline(deadline)); err != nil {
		return err
	}
	for ready := p.Ready == nil; !ready; {
		err := l.read(func(frame []byte, _ time.Time) error {
			ready = ready || bytes.HasPrefix(frame, p.Ready)
			return p.other(l, frame)
		})
		if err != nil {
			return err
		}
	}
	return l.conn.SetDeadline(time.Time{})
}

// other takes a frame that is nothing the load waits for.
func (p *Peer) other(l *link, frame []byte) error {
	if p.Beat != nil && bytes.Equal(frame, p.Beat) {
		l.queue(ws.OpText, p.Pulse)
		return l.flush()
	}
	for _, head := range p.Failure {
		if bytes.HasPrefix(frame, head) {
			return fmt.Errorf("the server says %s", frame)
		}
	}
	return nil
}

// dialAll brings n links, some at a time.
func (p *Peer) dialAll(ctx context.Context, n int, role Role, object func(i int) string) ([]*link, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	links := make([]*link, n)
	err := each(n, 16, func(i int) (err error) {
		links[i], err = p.dial(ctx, role, object(i), i)
		return err
	})
	if err != nil {
		closeAll(links)
		return nil, err
	}
	return links, nil
}

func closeAll(links []*link) {
	for _, l := range links {
		if l != nil {
			l.close()
		}
	}
}

// ended returns err unless it is that the run closed the link itself.
func ended(over bool, err error) error {
	if over && errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
