package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gobwas/ws"

	"github.com/tutti-rt/tutti/wire"
)

// request sends a command or a query on a link that nobody else uses, and returns what it is answered with.
func (l *link) request(ctx context.Context, kind, name string, data []byte) ([]byte, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(time.Minute)
	}
	l.requests++
	id := l.requests
	frame := fmt.Appendf(nil, `{"type":%q,"id":%d,"name":%q`, kind, id, name)
	if data != nil {
		frame = append(append(frame, `,"data":`...), data...)
	}
	l.queue(ws.OpText, append(frame, '}'))
	if err := errors.Join(l.flush(), l.conn.SetReadDeadline(deadline)); err != nil {
		return nil, err
	}
	var answer []byte
	for done := false; !done; {
		err := l.read(func(frame []byte, _ time.Time) error {
			f, err := wire.DecodeServerFrame(frame)
			switch {
			case err != nil:
				return err
			case f.Type == wire.TypeTerminate:
				return fmt.Errorf("terminated: %s: %s", f.Code, f.Message)
			case f.ID != id:
			case f.Type == wire.TypeAck || f.Type == wire.TypeAnswer:
				answer, done = append([]byte{}, f.Data...), true
			case f.Type == wire.TypeReject:
				return fmt.Errorf("%s %s: %s: %s", kind, name, f.Code, f.Message)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return answer, nil
}

// leave tells the server that the connection is over, and closes the link.
func (l *link) leave() {
	l.queue(ws.OpText, []byte(`{"type":"leave"}`))
	_ = l.flush() // the link is closed either way
	l.close()
}
