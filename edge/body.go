package edge

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// body is what a client has posted. Its memory is counted until free is called.
type body struct {
	data []byte
	edge *Edge
	size int64 // counted
}

const (
	bodyStart  = 4 << 10  // what is read into at first
	bodyChunk  = 64 << 10 // what is written at once
	bodyAtOnce = 64 << 10 // up to which size a body of known length is read into one piece
)

// readBody reads the whole body, if it is not too large and does not take too long.
func (x *exchange) readBody() (*body, *problem) {
	e, limit := x.edge, x.edge.limits.Frame
	if x.r.ContentLength > int64(limit) {
		return nil, bodyTooLarge()
	}
	control := http.NewResponseController(x.w)
	_ = control.SetReadDeadline(time.Now().Add(e.timing.Drained)) // fails where there are none; the server has its own
	b := &body{edge: e}
	if !b.grow(min(max(int(x.r.ContentLength)+1, bodyStart), bodyAtOnce)) {
		return nil, tooManyBodies()
	}
	for {
		n, err := x.r.Body.Read(b.data[len(b.data):cap(b.data)])
		b.data = b.data[:len(b.data)+n]
		switch {
		case len(b.data) > limit:
			b.free()
			return nil, bodyTooLarge()
		case errors.Is(err, io.EOF):
			x.awaitNothing()
			x.arrived = time.Now()
			return b, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			b.free()
			return nil, refuse(http.StatusRequestTimeout, "the body takes too long")
		case err != nil:
			b.free()
			return nil, refuse(http.StatusBadRequest, "the body cannot be read")
		case len(b.data) == cap(b.data) && !b.grow(min(2*cap(b.data), limit+1)):
			b.free()
			return nil, tooManyBodies()
		}
	}
}

// awaitNothing has the request end no more with the time that it had to arrive: the server would take a client that waits
// for longer than that for one that has gone.
func (x *exchange) awaitNothing() {
	_ = http.NewResponseController(x.w).SetReadDeadline(time.Time{}) // see readBody
}

// grow makes room for n bytes in all. It reports false when all bodies together have too much.
func (b *body) grow(n int) bool {
	delta := int64(n) - b.size
	if b.edge.count.unfinished.Add(delta) > b.edge.memory.Unfinished {
		b.edge.count.unfinished.Add(-delta)
		return false
	}
	b.size = int64(n)
	b.data = append(make([]byte, 0, n), b.data...)
	return true
}

func (b *body) free() {
	b.edge.count.unfinished.Add(-b.size)
	b.data, b.size = nil, 0
}

func bodyTooLarge() *problem {
	return refuse(http.StatusRequestEntityTooLarge, "the body is too large").coded(wire.CodeTooLarge)
}

func tooManyBodies() *problem {
	return unavailable("too much is being sent at once").coded(wire.CodeOverloaded)
}

// reply answers with a body in pieces, none of which is copied. A client that takes nothing of a large one for long
// loses it, and one that takes it slowly does not.
func (x *exchange) reply(mediaType string, pieces ...[]byte) {
	size := 0
	for _, p := range pieces {
		size += len(p)
	}
	h := x.w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Length", strconv.Itoa(size))
	large, control := size > bodyChunk, http.NewResponseController(x.w)
	for _, p := range pieces {
		for len(p) > 0 {
			n := min(len(p), bodyChunk)
			if large {
				_ = control.SetWriteDeadline(time.Now().Add(x.edge.timing.Drained)) // see readBody
			}
			if _, err := x.w.Write(p[:n]); err != nil {
				return // the client has gone
			}
			p = p[n:]
		}
	}
	if large && control.Flush() == nil {
		_ = control.SetWriteDeadline(time.Time{}) // the next request on the connection is not this one's
	}
}
