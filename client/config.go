package client

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// Config is how a client connects. Its zero fields mean the defaults named there.
type Config struct {
	// Token is the bearer token. TokenSource, where there is one, is asked instead: before every
	// dial, and shortly before the token in use expires, so that the link goes on with a fresh one.
	Token       string
	TokenSource func(ctx context.Context) (string, error)

	// Conn names the connection; a new random name by default. It is a secret. Whoever keeps it and
	// the cursor can go on after a restart of the program.
	Conn string
	// Cursor is the last event that the program has: Updates begins after it, or with a fresh State.
	Cursor wire.Cursor

	SendOnly bool // the connection gets answers, but neither state nor events
	Presence bool // Updates yields who is here

	// Transports are tried in this order (default: AllTransports). One that is refused, or fails while the server can be
	// reached, gives way to the next, and is not tried again for some minutes.
	Transports []Transport
	// PollWait is how long the server may keep a long poll without an answer (default 25 s).
	PollWait time.Duration

	// InFlight is how many commands and queries may be unanswered (default and most: 256). More wait.
	InFlight int
	// Updates that nobody reads are kept up to Unread in number (default 16,384) and UnreadBytes
	// (default 16 MiB). What happens then is said at Updates.
	Unread, UnreadBytes int
	// MaxMessage is the longest message that the client accepts, in bytes (default 64 MiB).
	MaxMessage int64

	// HTTPClient makes the connection (default http.DefaultClient). A Transport with a DialContext
	// of its own reaches servers that are not on the network.
	HTTPClient *http.Client
	// DialTimeout bounds one attempt to connect, until the welcome (default 10 s).
	DialTimeout time.Duration
	Backoff     Backoff
	Logger      *slog.Logger // nil discards
}

// withDefaults returns c with its zero fields filled in, and every mistake in it.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	atLeast := func(name string, n int) {
		if n < 0 {
			errs = append(errs, fmt.Errorf("%s is negative", name))
		}
	}
	atLeast("InFlight", c.InFlight)
	atLeast("Unread", c.Unread)
	atLeast("UnreadBytes", c.UnreadBytes)
	if c.InFlight > maxInFlight {
		errs = append(errs, fmt.Errorf("limit InFlight is %d, the protocol allows %d", c.InFlight, maxInFlight))
	}
	if c.MaxMessage < 0 || c.DialTimeout < 0 || c.PollWait < 0 || c.Backoff.Min < 0 || c.Backoff.Max < 0 {
		errs = append(errs, errors.New("a limit or duration is negative"))
	}
	if c.Conn == "" {
		c.Conn = rand.Text()
	} else if !wire.ValidConn(c.Conn) {
		errs = append(errs, errors.New("connection name (Conn) is not 16 to 64 of A-Z a-z 0-9 _ -"))
	}
	if !c.Cursor.IsZero() && !wire.ValidEpoch(c.Cursor.Epoch) {
		errs = append(errs, fmt.Errorf("resume from Cursor: %w", wire.ErrCursor))
	}
	if err := validTransports(c.Transports); err != nil {
		errs = append(errs, err)
	}
	if len(c.Transports) == 0 {
		c.Transports = AllTransports()
	}
	c.PollWait = cmp.Or(c.PollWait, 25*time.Second)
	c.InFlight = cmp.Or(c.InFlight, maxInFlight)
	c.Unread = cmp.Or(c.Unread, 1<<14)
	c.UnreadBytes = cmp.Or(c.UnreadBytes, 16<<20)
	c.MaxMessage = cmp.Or(c.MaxMessage, 64<<20)
	c.HTTPClient = cmp.Or(c.HTTPClient, http.DefaultClient)
	c.DialTimeout = cmp.Or(c.DialTimeout, 10*time.Second)
	c.Backoff.Min = cmp.Or(c.Backoff.Min, 100*time.Millisecond)
	c.Backoff.Max = cmp.Or(c.Backoff.Max, 10*time.Second)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c, errors.Join(errs...)
}

// maxInFlight is how many unanswered commands and queries the protocol allows.
const maxInFlight = 256

// EntityURL returns the URL of an entity on the server at base, such as ws://127.0.0.1:8080.
func EntityURL(base, category, id string) string {
	return strings.TrimSuffix(base, "/") + "/v1/" + url.PathEscape(category) + "/" + url.PathEscape(id)
}

// parseURL checks what Open got.
func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "ws", "wss", "http", "https":
		return u, nil
	}
	return nil, fmt.Errorf("scheme of %s is none of ws, wss, http, https", u.Redacted())
}
