package client

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// SetToken makes the client use a fresh token of the same subject: on the present link at once, and
// for every link to come. It is for programs without a Config.TokenSource, which it overrides.
func (c *Client) SetToken(token string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls == nil {
		return c.err
	}
	c.token = token
	if c.link != nil {
		c.link.bearer.Store(&token)
		return c.link.say(wire.ClientFrame{Type: wire.TypeAuth, Token: token}, nil)
	}
	return nil
}

// bearer returns the token for a new link.
func (c *Client) bearer(ctx context.Context) (string, error) {
	c.mu.Lock()
	token := c.token
	c.mu.Unlock()
	if token != "" || c.config.TokenSource == nil {
		return cmp.Or(token, c.config.Token), nil
	}
	token, err := c.config.TokenSource(ctx)
	if err != nil {
		return "", fmt.Errorf("get token: %w", err)
	}
	return token, nil
}

// keepFresh sends a fresh token over l before the one in use expires, until ctx is done. A token
// that does not say when it expires is left alone.
func (c *Client) keepFresh(ctx context.Context, l *link) {
	for {
		token := l.token()
		expires, ok := expiry(token)
		if !ok {
			return
		}
		left := time.Until(expires)
		if left <= 0 {
			return // the server takes it all the same: the clocks differ, and it will say when it does not any more
		}
		select {
		case <-time.After(max(left-max(left/10, tokenMargin), tokenRetry)):
		case <-ctx.Done():
			return
		}
		fresh, err := c.bearer(ctx)
		if err != nil {
			c.config.Logger.Warn("token not refreshed", "error", err)
			continue
		}
		if fresh == token {
			continue // there is no better one yet
		}
		l.bearer.Store(&fresh)
		c.mu.Lock()
		err = l.say(wire.ClientFrame{Type: wire.TypeAuth, Token: fresh}, nil)
		c.mu.Unlock()
		if err != nil {
			return // the link is about to end
		}
	}
}

const (
	tokenMargin = 5 * time.Second // how long before it expires a token is replaced, at least
	tokenRetry  = time.Second     // how long to wait when there is no fresh one yet
)

// expiry returns what a JWT says of itself. Nothing is verified: it is the client's own token.
func expiry(token string) (time.Time, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}, false
	}
	var claims struct {
		Exp float64 `json:"exp"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Exp <= 0 || claims.Exp > 1e12 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(claims.Exp * 1000)), true
}
