package client_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/wire"
)

// token returns what looks like a JWT that expires after d.
func token(name string, d time.Duration) string {
	claims := fmt.Sprintf(`{"sub":"ann","name":%q,"exp":%d}`, name, time.Now().Add(d).Unix())
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

func TestTokenSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		asked, first := 0, token("1", 10*time.Minute)
		_, l := s.open(client.Config{TokenSource: func(context.Context) (string, error) {
			asked++
			switch asked {
			case 2:
				return "", errors.New("no tokens today")
			case 3: // the one in use again
				return first, nil
			}
			return token(fmt.Sprint(asked), 10*time.Minute), nil
		}}, strings.Replace(welcome(5, "{}"), "25000", "0", 1)) // without heartbeat
		if got, want := l.header.Get("Authorization"), "Bearer "+token("1", 10*time.Minute); got != want {
			t.Errorf("Authorization = %s, want %s", got, want)
		}
		before := time.Now()
		f := l.frame()
		if f.Type != wire.TypeAuth || f.Token != token("4", 10*time.Minute) {
			t.Errorf("the client sent %+v, want a fresh token", f)
		}
		if waited := time.Since(before); waited < 8*time.Minute || waited > 9*time.Minute+55*time.Second {
			t.Errorf("the fresh token came after %v of ten minutes", waited)
		}
		l.drop()
		l = s.link()
		if got, want := l.header.Get("Authorization"), "Bearer "+token("5", 10*time.Minute); got != want {
			t.Errorf("Authorization of the next link = %s, want %s", got, want)
		}
	})
}

func TestTokenSourceWithAnotherClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		asked := 0
		_, l := s.open(client.Config{TokenSource: func(context.Context) (string, error) {
			asked++
			return token(fmt.Sprint(asked), -time.Hour), nil
		}}, strings.Replace(welcome(5, "{}"), "25000", "0", 1)) // without heartbeat
		time.Sleep(time.Minute)
		if asked != 1 {
			t.Errorf("a token that looks expired was asked for %d times in a minute", asked)
		}
		l.drop()
		s.link()
		if asked != 2 {
			t.Errorf("%d tokens for two links", asked)
		}
	})
}

func TestTokenRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.respond(http.StatusUnauthorized, "", "")
		asked := 0
		source := func(context.Context) (string, error) {
			asked++
			return token(fmt.Sprint(asked), time.Minute), nil
		}
		_, err := client.Open(t.Context(), "ws://memory/v1/room/1", client.Config{HTTPClient: s.client(), TokenSource: source})
		if r, ok := errors.AsType[*client.Refused](err); !ok || r.Status != 401 || asked != 3 {
			t.Errorf("Open = %v after %d tokens, want 401 after 3", err, asked)
		}
	})
}

func TestSetToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{Token: "old"}, welcome(5, "{}"))
		if err := c.SetToken("new"); err != nil {
			t.Errorf("SetToken = %v", err)
		}
		if f := l.frame(); f.Type != wire.TypeAuth || f.Token != "new" {
			t.Errorf("the client sent %+v, want the new token", f)
		}
		l.drop()
		if got := s.link().header.Get("Authorization"); got != "Bearer new" {
			t.Errorf("Authorization = %q, want the new token", got)
		}
	})
}
