package edge

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// eventStream is the transport of server-sent events: a data line for each frame, and an id line where the frame moves the
// client's cursor. What the client has to say it posts.
type eventStream struct{}

var _ transport = eventStream{}

func (eventStream) head(dst []byte, _ int) []byte { return append(dst, "data: "...) }

func (eventStream) tail(dst []byte, e *wire.Envelope, epoch string) []byte {
	if e.Kind == wire.KindWelcome || e.Kind == wire.KindEvent {
		dst = append(dst, "\nid: "...)
		dst = append(dst, epoch...)
		dst = append(dst, ':')
		dst = strconv.AppendUint(dst, e.Revision, 10)
	}
	return append(dst, "\n\n"...)
}

func (eventStream) ping(dst []byte) ([]byte, bool) { return append(dst, ":\n\n"...), false }

// away is for how long a client stays away that is not to come back: an EventSource cannot be told to give up, and its
// timers overflow in less than a month.
const away = 24 * time.Hour

func (eventStream) end(dst []byte, _ int, _ string, after time.Duration) []byte {
	if after == stayAway {
		after = away
	}
	return appendRetry(dst, after)
}

// appendRetry tells an EventSource when to come back.
func appendRetry(dst []byte, after time.Duration) []byte {
	dst = append(dst, "retry: "...)
	dst = strconv.AppendInt(dst, after.Milliseconds(), 10)
	return append(dst, "\n\n"...)
}

func (t eventStream) serve(x *exchange) *problem {
	if p := x.parseLink(true); p != nil {
		return p
	}
	if p := x.parseLastEvent(); p != nil {
		return p
	}
	l, v, p := x.connect(t)
	if p != nil {
		return p
	}
	if v.refused {
		l.abandon()
		return v.problem()
	}
	return x.takeOver(l, x.streamHead())
}

// parseLastEvent reads the cursor of an EventSource that comes back: its URL has the one that it began with.
func (x *exchange) parseLastEvent() *problem {
	last := x.r.Header.Get("Last-Event-ID")
	if last == "" {
		return nil
	}
	c, err := wire.ParseCursor(last)
	if err != nil {
		return refuse(http.StatusBadRequest, "Last-Event-ID has to be <epoch>:<rev>")
	}
	x.cursor = &c
	return nil
}

// streamHead returns the beginning of the answer, which ends when the connection does.
func (x *exchange) streamHead() []byte {
	h := x.w.Header()
	h.Set("Content-Type", mediaEvents)
	h.Set("Cache-Control", "no-store")
	h.Set("Connection", "close")
	h.Set("X-Accel-Buffering", "no") // or a proxy in front may keep frames back
	h.Set("Date", x.edge.clock().UTC().Format(http.TimeFormat))
	head := bytes.NewBufferString("HTTP/1.1 200 OK\r\n")
	_ = h.Write(head) // a buffer takes everything
	head.WriteString("\r\n")
	// Clients that lose their links at the same time come back one after the other.
	return appendRetry(head.Bytes(), reconnectSpread/2+rand.N(reconnectSpread))
}

func (eventStream) decoder(in *inbound) decoder { return &deaf{inbound: in} }

// maxIgnored is how many bytes a client may send that are of no use.
const maxIgnored = 64 << 10

// deaf ignores what a client sends, up to a bound.
type deaf struct {
	*inbound
	heard int
}

func (d *deaf) feed(p []byte) error {
	if d.heard += len(p); d.heard > maxIgnored {
		return d.malformed("nothing is to be sent over a stream of events")
	}
	return nil
}

func (d *deaf) release() {}
