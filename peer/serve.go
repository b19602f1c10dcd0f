package peer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/internal/pace"
)

// serves says why a stream or call is refused before anything of it is read.
func (m *Mesh) serves(h hello, known bool) *Refusal {
	if h.purpose != forStream && h.purpose != forCall {
		return refusal(ReasonVersion, "a connection for purpose %d", h.purpose)
	}
	if _, ok := m.services[h.service]; !ok {
		return refusal(ReasonService, "there is no service %q", printable(h.service))
	}
	if !known && !m.stranger[h.service] {
		return refusal(ReasonStranger, "node %d is no member that node %d knows", h.node, m.config.Node)
	}
	return nil
}

// serve answers one stream or call.
func (m *Mesh) serve(ctx context.Context, c *conn, h hello) {
	select {
	case m.streams <- struct{}{}:
		defer func() { <-m.streams }()
	default:
		m.refuse(c, refusal(ReasonBusy, "node %d serves %d streams already", m.config.Node, cap(m.streams)))
		return
	}
	if err := m.agree(c); err != nil {
		return // it has gone
	}
	c.settle()
	c.socket.silence, c.socket.stalled = streamEnds, streamStall
	limitUnacknowledged(c.socket.Conn, streamStall)
	var request bytes.Buffer
	if n, err := request.ReadFrom(io.LimitReader(&parts{r: c.tls}, MaxFrame+1)); err != nil || n > MaxFrame {
		m.log.Warn("request not read", "service", h.service, "node", uint64(h.node), "bytes", n, "error", err)
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var beside sync.WaitGroup
	defer beside.Wait()
	defer c.end(errStopped)
	c.socket.silence = 0
	_ = c.socket.SetReadDeadline(time.Time{}) // whoever waits for the answer is silent
	beside.Go(func() {
		defer cancel()
		_, _ = c.tls.Read(make([]byte, 1)) // returns when the other side goes
	})
	w := &answer{ctx: ctx, conn: c}
	if h.purpose == forStream {
		w.pace = m.bandwidth
	}
	beside.Go(func() { w.stayAlive(ctx) })
	err := m.services[h.service](ctx, m.known(h.node), request.Bytes(), w)
	if err := w.finish(err); err != nil {
		m.log.Debug("answer not sent", "service", h.service, "node", uint64(h.node), "error", err)
		return
	}
	select { // the other side has the last word, so that closing here does not take away what it has not read
	case <-ctx.Done():
	case <-time.After(streamEnds):
	}
}

// answer is what a service writes to.
type answer struct {
	ctx  context.Context // of the service's call, which w does not outlive
	conn *conn
	pace *pace.Pacer

	mu      sync.Mutex // guards what follows, with the order of writes
	out     []byte
	written bool // since stayAlive looked last
	ended   bool
}

// Write implements io.Writer.
func (w *answer) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		data := b[done:min(len(b), done+maxPart)]
		if err := w.pace.Wait(w.ctx, len(data)); err != nil {
			return done, err
		}
		if err := w.part(partData, data); err != nil {
			return done, err
		}
		done += len(data)
	}
	return done, nil
}

// part sends one part. The lock is what keeps parts whole, and is held while the connection takes one.
func (w *answer) part(kind byte, data []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return fmt.Errorf("%w: written to after its end", errPart)
	}
	w.written = true
	w.ended = kind == partEnd || kind == partFailed
	w.out = appendPart(w.out[:0], kind, data)
	_, err := w.conn.tls.Write(w.out)
	return err
}

// finish says how it ended.
func (w *answer) finish(err error) error {
	if err == nil {
		return w.part(partEnd, nil)
	}
	text := err.Error()
	return w.part(partFailed, []byte(text[:min(len(text), 300)]))
}

// stayAlive has the other side hear something while the service has nothing to say.
func (w *answer) stayAlive(ctx context.Context) {
	tick := time.NewTicker(streamAlive)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		w.mu.Lock()
		quiet := !w.written && !w.ended
		w.written = false
		w.mu.Unlock()
		if quiet && w.part(partAlive, nil) != nil {
			return
		}
	}
}
