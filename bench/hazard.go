package bench

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gobwas/ws"

	"github.com/tutti-rt/tutti/wire"
)

// hazard is a link to an entity of the category hazard, which asks one thing after the other and comes back when its
// link breaks, as every client does. It belongs to one goroutine.
type hazard struct {
	target  Target
	id      string
	conn    string
	link    *link
	issued  uint64
	counted int // commands that were acknowledged, each of which counts
}

func openHazard(ctx context.Context, t Target, id string) (*hazard, error) {
	h := &hazard{target: t, id: id, conn: "bench-hazard-" + rand.Text()}
	if err := h.open(ctx); err != nil {
		return nil, err
	}
	return h, nil
}

func (h *hazard) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	l, _, err := dial(ctx, h.target, "hazard/"+h.id, "bench", h.conn, false)
	if err != nil {
		return err
	}
	h.link = l
	return nil
}

// close ends it; it may be nil.
func (h *hazard) close() {
	if h != nil {
		h.link.close()
	}
}

// command sends a command, and again on the next link whenever this one breaks, until it is answered. The code is that
// of a rejection, empty for an acknowledgement.
func (h *hazard) command(ctx context.Context, name, data string) (code string, err error) {
	h.issued++
	id := h.issued
	frame := fmt.Appendf(nil, `{"type":"command","id":%d,"name":%q,"data":%s}`, id, name, data)
	for {
		f, err := h.ask(ctx, id, frame)
		switch {
		case err == nil && f.Type == wire.TypeAck:
			h.counted++
			return "", nil
		case err == nil:
			return f.Code, nil
		case ctx.Err() != nil:
			return "", err
		}
		h.link.close()
		for err := h.open(ctx); err != nil; err = h.open(ctx) {
			if pause(ctx, backAfter) != nil {
				return "", err
			}
		}
	}
}

// expect is command for one whose answer is known: the code of a rejection, empty for an acknowledgement.
func (h *hazard) expect(ctx context.Context, want, name, data string) error {
	code, err := h.command(ctx, name, data)
	if err == nil && code != want {
		err = fmt.Errorf("it was answered %q, want %q", code, want)
	}
	if err != nil {
		return fmt.Errorf("command %s of hazard/%s: %w", name, h.id, err)
	}
	return nil
}

// serve is expect for a node that may be about to end: a command that nobody has got may be rejected as unavailable.
func (h *hazard) serve(ctx context.Context, name, data string) error {
	code, err := h.command(ctx, name, data)
	if err == nil && code != "" && code != wire.CodeUnavailable {
		err = fmt.Errorf("it was answered %q", code)
	}
	if err != nil {
		return fmt.Errorf("command %s of hazard/%s: %w", name, h.id, err)
	}
	return nil
}

// query asks once.
func (h *hazard) query(ctx context.Context, name string) (wire.ServerFrame, error) {
	h.issued++
	return h.ask(ctx, h.issued, fmt.Appendf(nil, `{"type":"query","id":%d,"name":%q,"data":{}}`, h.issued, name))
}

// ask sends a frame and reads until it is answered.
func (h *hazard) ask(ctx context.Context, id uint64, frame []byte) (answer wire.ServerFrame, err error) {
	h.link.queue(ws.OpText, frame)
	if err := h.link.flush(); err != nil {
		return answer, err
	}
	stop := context.AfterFunc(ctx, func() { _ = h.link.conn.SetReadDeadline(time.Now()) })
	defer stop()
	for answer.Type == "" {
		err := h.link.read(func(frame []byte, _ time.Time) error {
			f, err := wire.DecodeServerFrame(frame)
			switch {
			case err != nil:
				return err
			case f.Type == wire.TypeTerminate:
				return fmt.Errorf("terminated: %s: %s", f.Code, f.Message)
			case f.ID == id && (f.Type == wire.TypeAck || f.Type == wire.TypeReject || f.Type == wire.TypeAnswer):
				f.Data = append(json.RawMessage(nil), f.Data...)
				answer = f
			}
			return nil
		})
		if err != nil {
			return answer, errors.Join(err, context.Cause(ctx))
		}
	}
	return answer, nil
}

// verify compares what the entity has counted with what was acknowledged.
func (h *hazard) verify(ctx context.Context) error {
	f, err := h.query(ctx, "read")
	if err != nil {
		return fmt.Errorf("verify hazard/%s: %w", h.id, err)
	}
	var n int
	if err := json.Unmarshal(f.Data, &n); err != nil || f.Type != wire.TypeAnswer || n != h.counted {
		return fmt.Errorf("verify hazard/%s: it says %s %s %s, acknowledged were %d", h.id, f.Type, f.Code, f.Data, h.counted)
	}
	return nil
}
