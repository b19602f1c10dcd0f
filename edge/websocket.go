package edge

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/gobwas/ws"

	"github.com/tutti-rt/tutti/edge/internal/websock"
	"github.com/tutti-rt/tutti/wire"
)

// webSocket is the transport of WebSocket links: a text message for each frame.
type webSocket struct{}

var _ transport = webSocket{}

func (webSocket) head(dst []byte, n int) []byte { return websock.AppendHeader(dst, ws.OpText, n) }

func (webSocket) tail(dst []byte, _ *wire.Envelope, _ string) []byte { return dst }

func (webSocket) ping(dst []byte) ([]byte, bool) {
	return websock.AppendControl(dst, ws.OpPing, nil), true
}

func (webSocket) end(dst []byte, code int, reason string, _ time.Duration) []byte {
	return websock.AppendClose(dst, code, reason)
}

func (t webSocket) serve(x *exchange) *problem {
	if p := checkUpgrade(x.r); p != nil {
		return p
	}
	if p := x.parseLink(true); p != nil {
		return p
	}
	l, _, p := x.connect(t)
	if p != nil {
		return p
	}
	answer := websock.AppendAccept(nil, x.r.Header.Get("Sec-WebSocket-Key"), wire.Subprotocol)
	return x.takeOver(l, answer)
}

// checkUpgrade checks what RFC 6455 wants of a handshake.
func checkUpgrade(r *http.Request) *problem {
	switch {
	case r.Header.Get("Sec-WebSocket-Version") != "13":
		return upgradeRequired("the WebSocket version has to be 13").with("Sec-WebSocket-Version", "13")
	case !websock.ValidKey(r):
		return refuse(http.StatusBadRequest, "the WebSocket handshake has no valid key")
	case !slices.Contains(websock.Tokens(r.Header, "Sec-WebSocket-Protocol"), wire.Subprotocol):
		return upgradeRequired("the subprotocol has to be "+wire.Subprotocol).with("Sec-WebSocket-Protocol", wire.Subprotocol)
	}
	return nil
}

func upgradeRequired(detail string) *problem {
	return refuse(http.StatusUpgradeRequired, detail).with("Upgrade", "websocket").with("Connection", "Upgrade")
}

func (webSocket) decoder(in *inbound) decoder {
	return &webSocketDecoder{inbound: in, frames: websock.Decoder{MaxMessage: in.edge.limits.Frame}}
}

// webSocketDecoder decodes what the client of a WebSocket link sends.
type webSocketDecoder struct {
	*inbound
	frames websock.Decoder
}

var _ websock.Handler = (*webSocketDecoder)(nil)

func (d *webSocketDecoder) feed(p []byte) error {
	err := d.frames.Feed(p, d)
	var bad *websock.Error
	if errors.As(err, &bad) {
		d.refuse(bad)
	}
	return err
}

func (d *webSocketDecoder) release() { d.frames.Release(d) }

// refuse ends the link for bytes that are no WebSocket or not allowed.
func (d *webSocketDecoder) refuse(bad *websock.Error) {
	why := ending{code: wire.EndBadFrame, message: bad.Reason, close: bad.Code}
	if bad.Code == websock.CodeTooLarge {
		why.code, why.close = wire.EndFrameTooLarge, wire.CloseFrameTooLarge
	}
	d.end(why)
}

// Frame counts a frame against the link's rate before its payload is read.
func (d *webSocketDecoder) Frame(length int) error { return d.charge(1, length+ws.MinHeaderSize) }

// Message handles the frames of one message.
func (d *webSocketDecoder) Message(p []byte) error { return d.lines(p) }

// Reserve counts memory for a message that has come in part.
func (d *webSocketDecoder) Reserve(delta int) bool {
	const little = 16 << 10
	total := d.edge.count.unfinished.Add(int64(delta))
	if delta > little && total > d.edge.memory.Unfinished {
		d.edge.count.unfinished.Add(-int64(delta))
		return false
	}
	return true
}

// Ping is answered. Of several pings that the client sends faster than it takes the answers, the
// last is.
func (d *webSocketDecoder) Ping(p []byte) error {
	pong := websock.AppendControl(make([]byte, 0, len(p)+2), ws.OpPong, p)
	d.mu.Lock()
	d.pong = pong
	d.mu.Unlock()
	d.worker.touch(d.link)
	return nil
}

// Pong answers a ping of ours.
func (d *webSocketDecoder) Pong([]byte) error {
	if d.unponged.Swap(0) > 0 {
		d.edge.hops.roundTrip.Shard(d.worker.index).Add(time.Duration(d.arrived - d.pinged.Load()))
	}
	return nil
}

// Close answers the client's close frame with its code, unless it is itself an answer to ours.
func (d *webSocketDecoder) Close(code int, _ string) error {
	if d.ending.Load() {
		return errClosed
	}
	d.finish(&final{data: d.transport.end(nil, code, "", stayAway)})
	return nil
}
