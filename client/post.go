package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// poster sends what a client says by POST: one request at a time, with as many frames as have gathered meanwhile.
type poster struct {
	c    *Client
	l    *link
	http *http.Client
	url  string

	mu      sync.Mutex
	lag     time.Duration // how long an answer may come later through the stream than with the POST
	overdue *time.Timer   // runs check; nil when nothing is unheard
}

const (
	// answerLag is how long an answer may come later through the stream than with the POST, and movedLag how long once polls
	// have gone to another edge: it may have come to the one before.
	answerLag = 10 * time.Second
	movedLag  = 2 * time.Second
	// postTime is how long a POST may take. The entity is expected to have answered by then.
	postTime = time.Minute
)

var (
	errTakenOver = errors.New("client: another POST of the connection took over")
	errUnheard   = errors.New("client: an answer did not come through the stream")
)

func newPoster(c *Client, l *link) *poster {
	u := overHTTP(c.entity)
	u.Path, u.RawPath = u.Path+"/commands", u.EscapedPath()+"/commands"
	q := u.Query()
	q.Set("conn", c.config.Conn)
	u.RawQuery = q.Encode()
	return &poster{c: c, l: l, http: c.config.plain(), url: u.String(), lag: answerLag}
}

// send posts frames and waits until all of them have their answers. What is too large for the server, or for somebody
// on the way, goes in parts, and what nobody serves is rejected. Whatever else goes wrong ends the link: over the next one everything
// without an answer is sent again.
func (p *poster) send(ctx context.Context, frames []byte) error {
	err := p.sendWhole(ctx, frames)
	r, ok := errors.AsType[*Refused](err)
	switch {
	case ok && r.Status == http.StatusRequestEntityTooLarge:
		return p.sendParts(ctx, frames, r)
	case ok && r.unavailable() && p.c.unserved(frames, r):
		if p.c.unheard.Load() > 0 {
			p.expect() // the frames may have asked for what was answered over the link before
		}
		return nil
	}
	return err
}

// sendParts sends in two what was too large. One frame can only be rejected: it would be too large the next time as well.
func (p *poster) sendParts(ctx context.Context, frames []byte, why *Refused) error {
	lines := bytes.Split(frames, []byte{'\n'})
	if half := len(lines) / 2; half > 0 {
		if err := p.send(ctx, bytes.Join(lines[:half], []byte{'\n'})); err != nil {
			return err
		}
		return p.send(ctx, bytes.Join(lines[half:], []byte{'\n'}))
	}
	f, err := wire.DecodeClientFrame(frames)
	if err != nil {
		return fmt.Errorf("%w: %w", why, err)
	}
	p.c.untaken(f.ID, why)
	return nil
}

func (p *poster) sendWhole(ctx context.Context, frames []byte) error {
	ctx, cancel := context.WithTimeoutCause(ctx, postTime, errMute)
	defer cancel()
	err := p.post(ctx, frames)
	if err != nil && errors.Is(context.Cause(ctx), errMute) {
		err = fmt.Errorf("%w: %w", errMute, err)
	}
	return err
}

func (p *poster) post(ctx context.Context, frames []byte) error {
	response, err := p.do(ctx, http.MethodPost, p.url, frames, http.Header{
		"Content-Type": {"application/x-ndjson"}, "Accept": {"application/x-ndjson"},
	}, tries)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK, http.StatusNoContent:
	case http.StatusConflict:
		return errTakenOver
	default:
		return refusal(response)
	}
	return p.answers(response.Body)
}

// answers takes what the response says. Acknowledgements and answers come through the stream as well, after the
// events that they depend on: they count once those have come. What is rejected has no events.
func (p *poster) answers(body io.Reader) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, int(min(p.c.config.MaxMessage, 1<<30)))
	unheard := false
	for lines.Scan() {
		for line := range wire.Frames(lines.Bytes()) {
			f, err := wire.DecodeServerFrame(line)
			if err != nil {
				return fmt.Errorf("read answer: %w", err)
			}
			switch f.Type {
			case wire.TypeReject:
				p.c.answered(&f)
			case wire.TypePong:
				p.c.ponged(&f)
			case wire.TypeAck, wire.TypeAnswer:
				unheard = p.c.told(&f) || unheard
			case wire.TypeTerminate:
				return &Terminated{
					Code: f.Code, Message: f.Message, Reconnect: f.Reconnect,
					After: time.Duration(max(f.After, 0)) * time.Millisecond,
				}
			}
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if unheard {
		p.expect()
	}
	return nil
}

// expect has check run before long.
func (p *poster) expect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.overdue == nil {
		p.overdue = time.AfterFunc(askPause, p.check)
	}
}

// check asks again for what the stream has not brought, and ends the link when that does not help. It runs on the timer's goroutine.
func (p *poster) check() {
	p.mu.Lock()
	defer p.mu.Unlock()
	left, longest := p.c.askAgain(p.l)
	switch {
	case longest >= p.lag:
		p.l.stop(errUnheard)
	case left:
		p.overdue.Reset(askPause)
	default:
		p.overdue = nil
	}
}

// moved notes that the server has begun another link between two polls.
func (p *poster) moved() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lag = movedLag
}

// rest stops what runs by itself.
func (p *poster) rest() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.overdue != nil {
		p.overdue.Stop()
	}
}
