package bench

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/tutti-rt/tutti/wire"
)

// intruder is a client that needs no manners: a connection on which any bytes may be written.
type intruder struct {
	net.Conn
	in     *bufio.Reader
	status int    // of the answer to the handshake
	retry  string // its Retry-After
}

// knock opens a connection to the target. small is the size of its buffer for what comes in; 0 leaves it alone.
func knock(ctx context.Context, t Target, small int) (*intruder, error) {
	var dialer net.Dialer
	if small > 0 {
		dialer.Control = smallReceiveBuffer(small)
	}
	c, err := dialer.DialContext(ctx, "tcp", t.address())
	if err != nil {
		return nil, err
	}
	return &intruder{Conn: c, in: bufio.NewReaderSize(c, 1<<10)}, nil
}

// handshake returns the bytes that ask for a link.
func (t Target) handshake(path, token string) []byte {
	return fmt.Appendf(nil, "GET /v1/%s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: %s\r\nAuthorization: Bearer %s\r\n\r\n",
		path, t.address(), wire.Subprotocol, token)
}

// ask sends a handshake and reads the answer to it.
func (n *intruder) ask(request []byte, patience time.Duration) error {
	if err := n.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := n.Write(request); err != nil {
		return err
	}
	res, err := http.ReadResponse(n.in, nil)
	if err != nil {
		return err
	}
	n.status, n.retry = res.StatusCode, res.Header.Get("Retry-After")
	if n.status != http.StatusSwitchingProtocols {
		_, err = io.Copy(io.Discard, res.Body)
	}
	return errors.Join(err, res.Body.Close(), n.SetDeadline(time.Time{}))
}

// intrude brings a link to path, as entity?conn=…, unless the node refuses it: see status.
func intrude(ctx context.Context, t Target, path, token string, small int) (*intruder, error) {
	n, err := knock(ctx, t, small)
	if err != nil {
		return nil, err
	}
	if err := n.ask(t.handshake(path, token), newcomerWaits); err != nil {
		reset(n.Conn)
		return nil, err
	}
	return n, nil
}

func (n *intruder) accepted() bool { return n.status == http.StatusSwitchingProtocols }

// frame appends a client's frame, masked with zeros.
func appendFrame(dst []byte, op ws.OpCode, payload []byte) []byte {
	return append(appendHead(dst, op, uint64(len(payload))), payload...)
}

// appendHead appends the header of a client's frame that announces a length.
func appendHead(dst []byte, op ws.OpCode, length uint64) []byte {
	dst = append(dst, 0x80|byte(op))
	switch {
	case length < 126:
		dst = append(dst, 0x80|byte(length))
	case length <= 0xffff:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(length))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), length)
	}
	return append(dst, 0, 0, 0, 0)
}

// next reads a frame of the server. The payload of one that is longer than most is thrown away.
func (n *intruder) next(most int) (op ws.OpCode, payload []byte, err error) {
	h, err := ws.ReadHeader(n.in)
	if err != nil {
		return 0, nil, err
	}
	if h.Length > int64(most) {
		_, err = io.CopyN(io.Discard, n.in, h.Length)
		return h.OpCode, nil, err
	}
	payload = make([]byte, h.Length)
	_, err = io.ReadFull(n.in, payload)
	return h.OpCode, payload, err
}

// ending reads until the node closes the link, without answering anything, and returns the code of its close frame;
// 0 when the connection broke before one came. The error says that nothing of the kind happened in time.
func (n *intruder) ending(patience time.Duration) (int, error) {
	if err := n.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	for {
		op, payload, err := n.next(ws.MaxControlFramePayloadSize)
		if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
			return 0, fmt.Errorf("the node did not end the link in %s", patience)
		}
		if err != nil {
			return 0, nil
		}
		if op == ws.OpClose {
			code, _ := ws.ParseCloseFrameData(payload)
			return int(code), nil
		}
	}
}

// subjects is tokens of many bearers, made once each.
type subjects struct {
	target Target
	mu     sync.Mutex
	tokens map[int]string
}

func newSubjects(t Target) *subjects { return &subjects{target: t, tokens: make(map[int]string)} }

// token returns one of the bearer of that number.
func (s *subjects) token(i int) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.tokens[i]; ok {
		return t, nil
	}
	t, err := s.target.Token(fmt.Sprintf("abuser-%d", i))
	if err == nil {
		s.tokens[i] = t
	}
	return t, err
}
