package feed

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// streamBytes is about how much is encoded before it is written.
const streamBytes = 64 << 10

var (
	errDraining = errors.New("this node ends")
	errWaited   = errors.New("nothing has come for so long")
)

// stream is one follower's response.
type stream struct {
	*Handler
	q       *query
	cancel  context.CancelCauseFunc // ends it, from any goroutine
	out     http.ResponseWriter
	control *http.ResponseController

	buf   []byte
	begun bool
	until Cursor      // where the log ended when the stream began
	rest  *time.Timer // cancels after a rest; nil before that, or where the stream waits for ever
}

// follow answers with a stream, or returns why there is none.
func (h *Handler) follow(w http.ResponseWriter, r *http.Request, q *query) *problem {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	s := &stream{Handler: h, q: q, cancel: cancel, out: w, control: http.NewResponseController(w)}
	if p := h.enter(s); p != nil {
		return p
	}
	defer h.leave(s)
	defer h.config.Waiting(ctx)()
	// What the server allows for the reading of a request would end the stream. It fails where there is nothing to be set.
	_ = s.control.SetReadDeadline(time.Time{})
	return s.run(ctx)
}

// hurry ends the stream, and lets a write that the follower does not take end soon.
func (s *stream) hurry() {
	s.cancel(errDraining)
	_ = s.control.SetWriteDeadline(time.Now().Add(time.Second))
}

// run writes pages until the follower leaves, has waited long enough or has to leave.
func (s *stream) run(ctx context.Context) *problem {
	end, err := s.config.Source.End(ctx, s.q.partition)
	if err != nil {
		return s.problem(err, s.q.partition)
	}
	s.until = end
	if s.q.fromEnd {
		s.q.after = end
	}
	defer func() {
		if s.rest != nil {
			s.rest.Stop()
		}
	}()
	for page, err := range s.config.Source.Pages(ctx, s.q.partition, s.q.after, s.q.filter) {
		if err != nil {
			return s.end(ctx, err)
		}
		if err := s.page(page); err != nil {
			return nil // the follower is gone, or does not read
		}
		if s.q.wait >= 0 && s.over(page) {
			return s.end(ctx, errWaited)
		}
	}
	return nil
}

// over reports whether the stream is over with this page, or arranges for its end when nothing comes for so long.
func (s *stream) over(page Page) bool {
	switch {
	case page.Cursor.Offset < s.until.Offset:
	case s.q.wait == 0:
		return true
	case s.rest == nil:
		s.rest = time.AfterFunc(s.q.wait, func() { s.cancel(errWaited) })
	case len(page.Items) > 0:
		s.rest.Reset(s.q.wait)
	}
	return false
}

// page writes the page, and the mark behind it.
func (s *stream) page(page Page) error {
	for i := range page.Items {
		s.buf = append(page.Items[i].append(s.buf), '\n')
		if len(s.buf) >= streamBytes {
			if err := s.write(); err != nil {
				return err
			}
		}
	}
	s.buf = appendMark(s.buf, page.Cursor, page.Behind)
	if err := s.write(); err != nil {
		return err
	}
	s.items.Add(uint64(len(page.Items)))
	return s.control.Flush()
}

// write writes what is encoded. A follower that takes none of it for long has to come again.
func (s *stream) write() error {
	if !s.begun {
		s.begun = true
		s.out.Header().Set("Content-Type", "application/x-ndjson")
		s.out.Header().Set("Cache-Control", "no-store")
		s.out.WriteHeader(http.StatusOK)
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(s.config.Stall)) // fails where there is nothing to be set
	if s.ending() {
		s.hurry()
	}
	_, err := s.out.Write(s.buf)
	s.buf = s.buf[:0]
	if cap(s.buf) > 4*streamBytes {
		s.buf = nil
	}
	return err
}

// end ends the stream with a line that says why, or returns why there is none.
func (s *stream) end(ctx context.Context, err error) *problem {
	var p *problem
	switch cause := context.Cause(ctx); {
	case errors.Is(err, errWaited), errors.Is(cause, errWaited):
		p = &problem{status: http.StatusOK, Code: codeWaited, Detail: errWaited.Error()}
	case errors.Is(cause, errDraining):
		p = &problem{status: http.StatusServiceUnavailable, Code: codeDraining, Detail: errDraining.Error()}
	case cause != nil:
		return nil // the follower is gone
	default:
		p = s.problem(err, s.q.partition)
	}
	if !s.begun {
		return p
	}
	s.buf = appendEnd(s.buf, p.Code, p.Detail)
	_ = s.write()
	return nil
}
