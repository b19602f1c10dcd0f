package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// longPoll carries a link as one request after the other, each of which waits for frames; what the client says
// goes by POST.
type longPoll struct {
	*poster
	ctx    context.Context // of the link, which ends the request under way
	url    *url.URL        // of the next poll
	prefer string
	polls  uint64 // that were answered; tells the next one from the last, which an HTTP library may have sent again
}

var _ carrier = (*longPoll)(nil)

// headerCursor tells the cursor that the next poll has to show.
const headerCursor = "Tutti-Cursor"

func (c *Client) dialPoll(ctx context.Context, s *stream) carrier {
	u := overHTTP(c.target(s.cursor))
	q := u.Query()
	q.Set("welcome", "1") // before everything else
	u.RawQuery = q.Encode()
	return &longPoll{
		poster: newPoster(c, s.l),
		ctx:    ctx,
		url:    u,
		prefer: "wait=" + strconv.Itoa(int(max(c.config.PollWait/time.Second, 1))),
	}
}

// receive polls until a poll fails, or the link ends.
func (p *longPoll) receive(take func(frame []byte) error) error {
	for {
		body, err := p.poll()
		if err != nil {
			return err
		}
		p.l.hear()
		if len(body) == 0 {
			continue
		}
		if err := wire.SplitArray(body, take); err != nil {
			return err
		}
	}
}

// poll returns the frames that one poll brings, as a JSON array, or nothing when it has waited in vain.
func (p *longPoll) poll() ([]byte, error) {
	response, err := p.do(p.ctx, http.MethodGet, p.url.String(), nil, http.Header{"Accept": {"application/json"}, "Prefer": {p.prefer}}, pollTries)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var body []byte
	switch {
	case response.StatusCode == http.StatusNoContent:
	case response.StatusCode != http.StatusOK:
		return nil, refusal(response)
	case !isType(response, "application/json"):
		return nil, fmt.Errorf("%w: answered with %q", errBlocked, response.Header.Get("Content-Type"))
	default:
		most := p.c.config.MaxMessage
		if body, err = io.ReadAll(io.LimitReader(hearing{response.Body, p.l.hear}, most+1)); err != nil {
			return nil, err
		}
		if int64(len(body)) > most {
			return nil, fmt.Errorf("%w: more than %d bytes", errTooLong, most)
		}
	}
	return body, p.goOn(response.Header.Get(headerCursor))
}

// goOn has the next poll begin where this one ended.
func (p *longPoll) goOn(cursor string) error {
	q := p.url.Query()
	q.Del("welcome")
	p.polls++
	q.Set("poll", strconv.FormatUint(p.polls, 10))
	if cursor != "" {
		if _, err := wire.ParseCursor(cursor); err != nil {
			return err
		}
		q.Set("cursor", cursor)
	} else if !q.Has("cursor") {
		return fmt.Errorf("%w: an answer without %s", errBlocked, headerCursor)
	}
	p.url.RawQuery = q.Encode()
	return nil
}

// close leaves the poll under way to the end of the link's context.
func (p *longPoll) close(bool) { p.rest() }
