package client

import (
	"context"
	"fmt"
	"net/http"
)

// sse carries a link as a stream of server-sent events; what the client says goes by POST.
type sse struct {
	*poster
	response *http.Response
	events   *eventStream
}

var _ carrier = (*sse)(nil)

func (c *Client) dialEvents(ctx context.Context, s *stream) (carrier, error) {
	r, err := s.l.request(ctx, http.MethodGet, overHTTP(c.target(s.cursor)).String())
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Cache-Control", "no-store")
	response, err := c.config.plain().Do(r)
	if err != nil {
		return nil, err
	}
	switch {
	case response.StatusCode == http.StatusNoContent:
		err = &Terminated{Code: "closed with 204"} // what ends an EventSource
	case response.StatusCode != http.StatusOK:
		err = refusal(response)
	case !isType(response, "text/event-stream"):
		err = fmt.Errorf("%w: answered with %q", errBlocked, response.Header.Get("Content-Type"))
	}
	if err != nil {
		_ = response.Body.Close() // nothing of it is wanted
		return nil, err
	}
	return &sse{
		poster:   newPoster(c, s.l),
		response: response,
		events:   newEventStream(response.Body, c.config.MaxMessage, s.l.hear),
	}, nil
}

// receive reads events until the stream ends, or the link: its context is that of the request.
func (e *sse) receive(take func(frame []byte) error) error {
	for {
		frame, err := e.events.next()
		if err != nil {
			return err
		}
		if err := take(frame); err != nil {
			return err
		}
	}
}

// close ends the stream.
func (e *sse) close(bool) {
	e.rest()
	_ = e.response.Body.Close() // it only reads
}
