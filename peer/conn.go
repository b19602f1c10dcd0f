package peer

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

const (
	batchBytes  = 256 << 10 // about what goes out with one write
	pingEvery   = time.Second
	frameBuffer = 16 << 10
)

// conn is a connection with a node that has proved to be one.
type conn struct {
	socket   *socket
	tls      *tls.Conn
	address  string
	node     journal.NodeID
	name     string
	instance Instance
	version  uint16
	began    time.Time
	done     chan struct{} // closed by end

	ending sync.Once
	cause  error // why it ended; read after done
}

// end closes c. The first cause stays.
func (c *conn) end(cause error) {
	c.ending.Do(func() {
		c.cause = cause
		close(c.done)
		_ = c.socket.Close() // what was under way is lost either way
	})
}

// run tells that the node is up, exchanges frames until the connection ends, and tells that it is down.
func (r *remote) run(ctx context.Context, c *conn) {
	defer r.release(c)
	defer func() { r.stood.Store(int64(time.Since(c.began))) }()
	stop := context.AfterFunc(ctx, func() { c.end(errStopped) })
	defer stop()
	select {
	case r.floor <- struct{}{}:
		defer func() { <-r.floor }()
	case <-c.done:
		return
	}
	c.socket.silence, c.socket.gathering, c.socket.traffic = r.mesh.config.Silence, true, &r.traffic
	limitUnacknowledged(c.socket.Conn, 2*r.mesh.config.Silence)
	r.connects.Add(1)
	r.name.Store(c.name)
	r.out.reset(true)
	log := r.mesh.log.With("node", uint64(r.id), "name", c.name, "address", c.address)
	log.Info("node up", "instance", c.instance.String())
	r.tell(true)

	var writing sync.WaitGroup
	writing.Go(func() { c.end(r.write(c)) })
	c.end(r.read(c))
	r.dropped.Add(uint64(r.out.reset(false)))
	r.tell(false)
	log.Info("node down", "cause", c.cause)
	writing.Wait()
}

// read hands over what comes until the connection ends.
func (r *remote) read(c *conn) error {
	f := frames{r: bufio.NewReaderSize(c.tls, frameBuffer), max: MaxFrame}
	for {
		kind, data, err := f.next()
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = errors.New("closed by the other side")
			}
			return err
		}
		switch kind {
		case kindAlive, kindUse:
		case kindPing:
			r.out.answer(data)
		case kindPong:
			if took := time.Since(c.began) - time.Duration(binary.BigEndian.Uint64(data)); took > 0 {
				r.roundTrip.Store(int64(took))
			}
		default:
			r.channels[kind].framesReceived.Add(1)
			r.channels[kind].bytesReceived.Add(uint64(len(data)))
			if handle := r.mesh.handlers[kind]; handle != nil {
				handle(r.id, data)
			}
		}
	}
}

// write sends what waits, all of it with one write, and something when nothing has waited for a while.
func (r *remote) write(c *conn) error {
	keepalive := time.NewTimer(r.mesh.config.Keepalive)
	defer keepalive.Stop()
	var batch []piece
	var out []byte
	pinged := -pingEvery
	for {
		batch = r.out.take(batch[:0], batchBytes)
		if len(batch) == 0 {
			select {
			case <-c.done:
				return nil
			case <-r.out.wake:
				continue
			case <-keepalive.C:
				batch = append(batch, piece{kind: kindAlive})
			}
		}
		if now := time.Since(c.began); now-pinged >= pingEvery {
			pinged = now
			batch = append(batch, piece{kind: kindPing, data: binary.BigEndian.AppendUint64(nil, uint64(now))})
		}
		out = out[:0]
		for i, p := range batch {
			out = p.append(out)
			if p.kind < Channels {
				c := &r.channels[p.kind]
				c.bytesSent.Add(uint64(len(p.data)))
				if !p.more {
					c.framesSent.Add(1)
				}
			}
			batch[i].data = nil
		}
		if _, err := c.tls.Write(out); err != nil {
			return err
		}
		if err := c.socket.flush(); err != nil {
			return err
		}
		keepalive.Reset(r.mesh.config.Keepalive)
	}
}
