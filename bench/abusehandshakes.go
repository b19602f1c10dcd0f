package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// abuseTokens sends handshakes with forged tokens, many on each connection.
func abuseTokens(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	token, err := e.Target.Token("abuser")
	if err != nil {
		return nil, err
	}
	head, _, _ := strings.Cut(token, ".")
	forged := head + strings.TrimPrefix(token, head)[:len(token)-len(head)-43] + strings.Repeat("A", 43) // the length of a signature
	request := e.Target.handshake("counter/abused?conn=abuser-0123456789", forged)
	conns := make([]*intruder, e.Number(atOnce))
	var refused, limited atomic.Int64
	began := time.Now()
	err = hammer(ctx, e, len(conns), func(ctx context.Context, i int) error {
		if conns[i] == nil {
			n, err := knock(ctx, e.Target, 0)
			if err != nil {
				return err
			}
			conns[i] = n
		}
		if err := conns[i].ask(request, newcomerWaits); err != nil {
			reset(conns[i].Conn)
			conns[i] = nil
			return nil // the node may close a connection when it likes
		}
		switch conns[i].status {
		case http.StatusUnauthorized:
			refused.Add(1)
		case http.StatusTooManyRequests:
			limited.Add(1)
		default:
			return fmt.Errorf("a forged token got %d", conns[i].status)
		}
		return nil
	})
	for _, n := range conns {
		if n != nil {
			reset(n.Conn)
		}
	}
	if err == nil && refused.Load() == 0 {
		err = errors.New("no token was refused")
	}
	return []Figure{rate("answers 401", refused.Load(), began), rate("answers 429", limited.Load(), began)}, err
}

// abuseCursors connects to a board, whose state is large, with cursors that cannot be resumed from.
func abuseCursors(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	cursors := []struct {
		text   string
		status int
	}{
		{"nonsense", http.StatusBadRequest},
		{"::", http.StatusBadRequest},
		{strings.Repeat("9", 4000), http.StatusBadRequest},
		{"elsewhere:17", http.StatusSwitchingProtocols},
		{"x:9007199254740991", http.StatusSwitchingProtocols},
	}
	var next, fresh, refused, limited atomic.Int64
	subs := newSubjects(e.Target)
	began := time.Now()
	err := hammer(ctx, e, e.Number(atOnce), func(ctx context.Context, _ int) error {
		i := int(next.Add(1))
		c := cursors[i%len(cursors)]
		token, err := subs.token(i % 1000)
		if err != nil {
			return err
		}
		n, err := intrude(ctx, e.Target, fmt.Sprintf("board/abused?cursor=%s&conn=abuser-%s", c.text, rand.Text()), token, 0)
		if err != nil {
			return err
		}
		defer reset(n.Conn)
		switch {
		case n.status == http.StatusTooManyRequests:
			limited.Add(1)
		case n.status != c.status:
			return fmt.Errorf("cursor %.20q got %d, want %d", c.text, n.status, c.status)
		case !n.accepted():
			refused.Add(1)
		default:
			if _, _, err := n.next(1 << 10); err != nil {
				return err
			}
			fresh.Add(1)
		}
		return nil
	})
	return []Figure{
		rate("fresh states", fresh.Load(), began), rate("answers 400", refused.Load(), began), rate("answers 429", limited.Load(), began),
	}, err
}

// Bounds of a subject that nodes have by default.
const (
	subLinks           = 2000
	subHandshakes      = 500 // a second
	subHandshakesBurst = 2000
)

// abuseSubLinks has one subject open more links than it may.
func abuseSubLinks(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	token, err := e.Target.Token("abuser")
	if err != nil {
		return nil, err
	}
	open := make([]*intruder, e.Number(3000))
	defer func() {
		for _, n := range open {
			if n != nil {
				reset(n.Conn)
			}
		}
	}()
	var accepted, refused atomic.Int64
	if err := each(len(open), 16, func(i int) error {
		n, err := intrude(ctx, e.Target, "counter/abused?conn=abuser-"+rand.Text(), token, 0)
		if err != nil {
			return err
		}
		open[i] = n
		switch {
		case n.accepted():
			accepted.Add(1)
		case n.status == http.StatusTooManyRequests && n.retry != "":
			refused.Add(1)
		default:
			return fmt.Errorf("a link too many got %d with Retry-After %q", n.status, n.retry)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	figures := []Figure{{Name: "links accepted", Value: float64(accepted.Load())}, {Name: "refused", Value: float64(refused.Load())}}
	if want := min(len(open), subLinks); int(accepted.Load()) != want {
		return figures, fmt.Errorf("%d links of one subject were accepted, want %d", accepted.Load(), want)
	}
	return figures, pause(ctx, e.For)
}

// abuseSubHandshakes has one subject connect more often than it may.
func abuseSubHandshakes(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	token, err := e.Target.Token("abuser")
	if err != nil {
		return nil, err
	}
	var accepted, refused atomic.Int64
	began := time.Now()
	err = hammer(ctx, e, e.Number(atOnce), func(ctx context.Context, _ int) error {
		n, err := intrude(ctx, e.Target, "counter/abused?conn=abuser-"+rand.Text(), token, 0)
		if err != nil {
			return err
		}
		defer reset(n.Conn)
		switch {
		case n.accepted():
			accepted.Add(1)
		case n.status == http.StatusTooManyRequests && n.retry != "":
			refused.Add(1)
		default:
			return fmt.Errorf("a handshake too many got %d with Retry-After %q", n.status, n.retry)
		}
		return nil
	})
	took := time.Since(began).Seconds()
	figures := []Figure{rate("links", accepted.Load(), began), rate("handshakes refused", refused.Load(), began)}
	if most := subHandshakesBurst + subHandshakes*(took+1); err == nil && float64(accepted.Load()) > most {
		err = fmt.Errorf("%d handshakes of one subject were accepted in %.1f s, want %.0f at most", accepted.Load(), took, most)
	}
	return figures, err
}
