package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// Transport names a way to carry a link. All of them keep the same promises, and the client may change from
// one to another between two links.
type Transport string

// The transports. The last two are for networks that let no WebSocket pass; over them the client sends by POST.
const (
	WebSocket        Transport = "websocket"
	ServerSentEvents Transport = "sse"
	LongPoll         Transport = "longpoll"
)

// AllTransports returns the transports in the order in which a client tries them by default.
func AllTransports() []Transport { return []Transport{WebSocket, ServerSentEvents, LongPoll} }

// carrier is one link as a transport carries it. One goroutine receives, another one sends and closes.
type carrier interface {
	// receive waits for frames and calls take for each, in order, until it fails. A frame is valid during the call.
	// It tells the link when it hears something from the server.
	receive(take func(frame []byte) error) error
	// send sends frames, one a line, in one piece. It returns once they are written: what becomes of them comes
	// through receive.
	send(ctx context.Context, frames []byte) error
	// close ends the link. polite: it is the client that wants the end. receive fails then.
	close(polite bool)
}

// most returns how many frames a carrier takes in one piece.
func (t Transport) most() int {
	if t == WebSocket {
		return mostPosted + maxInFlight
	}
	return maxInFlight
}

// dial makes a link. ctx is done when it ends.
func (t Transport) dial(ctx context.Context, c *Client, s *stream) (carrier, error) {
	switch t {
	case ServerSentEvents:
		return c.dialEvents(ctx, s)
	case LongPoll:
		return c.dialPoll(ctx, s), nil
	}
	return c.dialWebSocket(ctx, s)
}

// request makes a request for the entity on behalf of the link.
func (l *link) request(ctx context.Context, method, target string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, target, http.NoBody)
	if err != nil {
		return nil, err
	}
	if token := l.token(); token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r, nil
}

// plain returns an http.Client for requests that last as long as they have to.
func (c *Config) plain() *http.Client {
	h := *c.HTTPClient
	h.Timeout = 0
	return &h
}

// target returns the URL of the next link. Its attempt is higher than any before, so that one that was given up and
// comes late does not replace it; the clock is so after a restart of the program as well.
func (c *Client) target(cursor wire.Cursor) *url.URL {
	c.attempt = max(c.attempt+1, time.Now().UnixMilli())
	u := *c.entity
	q := u.Query()
	q.Set("conn", c.config.Conn)
	q.Set("attempt", strconv.FormatInt(c.attempt, 10))
	if c.config.SendOnly {
		q.Set("watch", "0")
	}
	if c.config.Presence {
		q.Set("presence", "1")
	}
	if !cursor.IsZero() {
		q.Set("cursor", cursor.String())
	}
	u.RawQuery = q.Encode()
	return &u
}

// overHTTP returns u with a scheme that net/http knows.
func overHTTP(u *url.URL) *url.URL {
	plain := *u
	switch u.Scheme {
	case "ws":
		plain.Scheme = "http"
	case "wss":
		plain.Scheme = "https"
	}
	return &plain
}

// SetTransports has links take these transports from now on, in this order, whatever has become of them before. A link
// over any other than the first makes way for one over that.
func (c *Client) SetTransports(order ...Transport) error {
	if err := validTransports(order); err != nil {
		return fmt.Errorf("set transports: %w", err)
	}
	if len(order) == 0 {
		order = AllTransports()
	}
	c.mu.Lock()
	if c.calls == nil {
		defer c.mu.Unlock()
		return c.err
	}
	c.transports = slices.Clone(order)
	l := c.link
	c.mu.Unlock()
	if l != nil && l.transport != order[0] {
		l.stop(errSwitch)
	}
	return nil
}

// choose returns what decides about the transport of the next link.
func (c *Client) choose(present *choice) *choice {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.transports == nil {
		return present
	}
	order := c.transports
	c.transports = nil
	return newChoice(order)
}

// choice decides which transport the next link takes: the first that is not barred. The goroutine of run owns it.
type choice struct {
	order   []Transport
	barred  []bar // of the transports in order
	strikes int   // links in a row that were lost before their welcome
}

// bar keeps a transport from being tried.
type bar struct {
	until time.Time
	why   error // of a transport that was refused; nil: it only failed
}

const (
	refusedFor  = 10 * time.Minute // how long a transport that was refused is not tried
	failedFor   = time.Minute      // how long one that failed is not tried
	mostStrikes = 2                // lost links after which another transport is tried
)

func newChoice(order []Transport) *choice {
	return &choice{order: order, barred: make([]bar, len(order))}
}

// next returns the place of the transport that the next link takes.
func (c *choice) next(now time.Time) int {
	best := 0
	for i := range c.order {
		if !now.Before(c.barred[i].until) {
			return i
		}
		if c.barred[i].until.Before(c.barred[best].until) {
			best = i
		}
	}
	return best // nothing else is left
}

// ended takes note of how a link of the i-th transport has ended. It returns whether another one is to be tried
// at once, and the error of the first when all are refused.
func (c *choice) ended(i int, l *ended, now time.Time) (another bool, refused error) {
	if l.welcomed {
		c.strikes = 0
		if errors.Is(l.err, errMute) && !l.proven { // the welcome came, and then nothing
			c.bar(i, bar{until: now.Add(failedFor)})
		}
	}
	if blocked(l.err) {
		c.bar(i, bar{until: now.Add(refusedFor), why: l.err})
		for _, b := range c.barred {
			if b.why == nil || !now.Before(b.until) {
				return true, nil
			}
		}
		if r := (*Refused)(nil); errors.As(c.barred[0].why, &r) {
			refused = r
		}
		return false, refused
	}
	if l.welcomed || !l.reached || busy(l.err) {
		return false, nil
	}
	if c.strikes++; errors.Is(l.err, errMute) || c.strikes >= mostStrikes {
		c.bar(i, bar{until: now.Add(failedFor)})
	}
	return false, nil
}

func (c *choice) bar(i int, b bar) {
	c.barred[i] = b
	c.strikes = 0
}

// ended is how a link ended.
type ended struct {
	err      error
	reached  bool // something answered, or took the connection
	welcomed bool
	lived    time.Duration // since the welcome
	proven   bool          // it was heard again after the welcome
}

// errBlocked means that a transport does not get through, or is not served.
var errBlocked = errors.New("client: transport is not served")

// blocked reports whether err says that this transport is of no use here, whatever may be said of others.
func blocked(err error) bool {
	if errors.Is(err, errBlocked) {
		return true
	}
	var r *Refused
	if !errors.As(err, &r) {
		return false
	}
	switch r.Status {
	case http.StatusUpgradeRequired, http.StatusNotAcceptable, http.StatusMethodNotAllowed, http.StatusNotImplemented,
		http.StatusHTTPVersionNotSupported:
		return true
	case http.StatusUnauthorized:
		return false
	}
	return r.final() && !r.explained // somebody between client and server
}

// busy reports whether the server has said, in the words of the protocol, that it takes no links just now, which it would over any transport.
func busy(err error) bool {
	r, ok := errors.AsType[*Refused](err)
	return ok && r.explained && (r.Status == http.StatusServiceUnavailable || r.Status == http.StatusTooManyRequests)
}

// validTransports returns what is wrong with the transports.
func validTransports(all []Transport) error {
	seen := make(map[Transport]bool)
	for _, t := range all {
		switch t {
		case WebSocket, ServerSentEvents, LongPoll:
		default:
			return fmt.Errorf("transport %q is not known", t)
		}
		if seen[t] {
			return fmt.Errorf("transport %q is there twice", t)
		}
		seen[t] = true
	}
	return nil
}
