package bench

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"github.com/tutti-rt/tutti/wire"
)

const (
	readBytes    = 16 << 10 // of a link's buffer between two large frames
	maxReadBytes = 32 << 20 // a larger message ends the link
)

// errClosed means that the node ended the link.
var errClosed = errors.New("bench: link closed by the node")

// Target is the node to load.
type Target struct {
	URL   string                           // http://host:port, or https://
	TLS   *tls.Config                      // for https; nil trusts what the system trusts
	Token func(sub string) (string, error) // signs a token
	From  net.IP                           // address to dial from; nil: any

	presence bool // links ask who is here
}

// link is one WebSocket at one entity. One goroutine reads; any may send.
type link struct {
	conn net.Conn
	in   []byte // what has been read; in[start:end] is not taken yet
	from int
	to   int

	pings    *atomic.Uint64 // counts those answered; may be nil
	requests uint64         // made with request

	mu  sync.Mutex
	out []byte // frames that flush will write
}

// dial brings a link to the entity and returns it with its welcome.
func dial(ctx context.Context, t Target, entity, sub, conn string, watch bool) (*link, wire.ServerFrame, error) {
	return dialFrom(ctx, t, entity, sub, conn, watch, "")
}

// dialFrom is dial for a connection that comes back: cursor is the last event it has, or empty.
func dialFrom(ctx context.Context, t Target, entity, sub, conn string, watch bool, cursor string) (*link, wire.ServerFrame, error) {
	l, err := connect(ctx, t, entity, sub, conn, watch, cursor)
	if err != nil {
		return nil, wire.ServerFrame{}, err
	}
	welcome, err := l.welcome(ctx)
	if err != nil {
		l.close()
		return nil, welcome, fmt.Errorf("welcome of %s: %w", entity, err)
	}
	return l, welcome, nil
}

// connect brings a link to the entity, whose welcome has not been read.
func connect(ctx context.Context, t Target, entity, sub, conn string, watch bool, cursor string) (*link, error) {
	token, err := t.Token(sub)
	if err != nil {
		return nil, err
	}
	category, id, _ := strings.Cut(entity, "/")
	query := url.Values{"conn": {conn}}
	if !watch {
		query.Set("watch", "0")
	}
	if t.presence {
		query.Set("presence", "1")
	}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	address := "ws" + strings.TrimPrefix(t.URL, "http") + "/v1/" + category + "/" + url.PathEscape(id) + "?" + query.Encode()
	dialer := ws.Dialer{
		Protocols: []string{wire.Subprotocol},
		TLSConfig: t.TLS,
		Header:    ws.HandshakeHeaderHTTP(http.Header{"Authorization": {"Bearer " + token}}),
	}
	if t.From != nil {
		dialer.NetDial = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: t.From}}).DialContext
	}
	c, early, _, err := dialer.Dial(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", entity, err)
	}
	l := &link{conn: c, in: make([]byte, readBytes)}
	if early != nil { // what the node sent together with its answer to the upgrade
		b, _ := early.Peek(early.Buffered())
		l.in = append(append([]byte(nil), b...), l.in...)
		l.to = len(b)
		ws.PutReader(early)
	}
	return l, nil
}

// welcome reads the first frame. Frames that come with it stay for the first read.
func (l *link) welcome(ctx context.Context) (wire.ServerFrame, error) {
	var none wire.ServerFrame
	deadline, _ := ctx.Deadline() // none is the zero time, which is none too
	if err := l.conn.SetReadDeadline(deadline); err != nil {
		return none, err
	}
	for {
		payload, ok, err := l.message()
		if err != nil {
			return none, err
		}
		if !ok {
			if err := l.fill(); err != nil {
				return none, err
			}
			continue
		}
		f, err := wire.DecodeServerFrame(payload)
		if err != nil {
			return none, err
		}
		if f.Type == wire.TypeStatus {
			continue
		}
		if f.Type != wire.TypeWelcome {
			return none, fmt.Errorf("got %s", payload)
		}
		return f, l.conn.SetReadDeadline(time.Time{})
	}
}

// queue adds a frame to what flush writes. It is masked with zeros, which every server has to take and which
// costs the generator nothing.
func (l *link) queue(op ws.OpCode, payload []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out = append(l.out, 0x80|byte(op))
	switch n := len(payload); {
	case n < 126:
		l.out = append(l.out, 0x80|byte(n))
	default: // a client's frames are far below 64 KiB here
		l.out = binary.BigEndian.AppendUint16(append(l.out, 0x80|126), uint16(n))
	}
	l.out = append(append(l.out, 0, 0, 0, 0), payload...)
}

// flush writes what has been queued, in one write.
func (l *link) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.out) == 0 {
		return nil
	}
	_, err := l.conn.Write(l.out)
	l.out = l.out[:0]
	return err
}

func (l *link) close() { l.conn.Close() }

// shrink leaves the link a buffer of that size, for one that has little to read.
func (l *link) shrink(size int) {
	l.in = append(make([]byte, 0, max(size, l.to-l.from)), l.in[l.from:l.to]...)
	l.from, l.to = 0, len(l.in)
	l.in = l.in[:cap(l.in)]
}

// portsAt is how many links come from one address, which has 28,000 ports: Linux looks for a free one long when half
// are taken.
const portsAt = 10_000

// spread returns the target for link i of many. One on the loopback interface is called from as many addresses as
// the ports of that many links need.
func (t Target) spread(i int) Target {
	u, err := url.Parse(t.URL)
	if err != nil || i < portsAt || t.From != nil {
		return t
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsLoopback() && ip.To4() != nil {
		t.From = net.IPv4(127, 0, 1, byte(1+i/portsAt))
	}
	return t
}
