package auth_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"

	"github.com/tutti-rt/tutti/auth"
)

// issuer is an HTTP transport behind which a JWK set lives.
type issuer struct {
	asked atomic.Int64

	mu   sync.Mutex
	body io.Reader
	code int
	slow time.Duration
}

func (i *issuer) serve(code int, body []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.code, i.body = code, strings.NewReader(string(body))
}

func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.asked.Add(1)
	if i.slow > 0 {
		select {
		case <-time.After(i.slow):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if s, ok := i.body.(io.Seeker); ok {
		_, _ = s.Seek(0, io.SeekStart)
	}
	return &http.Response{StatusCode: i.code, Status: http.StatusText(i.code), Body: io.NopCloser(i.body), Request: r}, nil
}

// remote starts a verifier on the issuer's URL and returns a function that verifies a token.
func remote(t *testing.T, i *issuer) (v *auth.Verifier, check func(token string) error) {
	v, err := auth.New(auth.Config{
		Keys:   []auth.Source{auth.JWKS("https://id.example/keys?secret=1")},
		Client: &http.Client{Transport: i},
	})
	if err != nil {
		t.Fatal(err)
	}
	start(t, v)
	return v, func(token string) error {
		_, err := v.Verify(t.Context(), token)
		return err
	}
}

// start runs v until the test's end.
func start(t *testing.T, v *auth.Verifier) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := v.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Run = %v, want Canceled", err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	synctest.Wait()
}

func TestRotation(t *testing.T) {
	old := sign(jwa.RS256(), rsaKey(), "old", `{"sub":"ann"}`)
	fresh := sign(jwa.RS256(), rsaNext(), "new", `{"sub":"ann"}`)
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.serve(200, jwksOf(jwkOf("old", rsaKey(), nil)))
		v, check := remote(t, i)
		if err := check(old); err != nil || !v.Ready() {
			t.Fatalf("first key: %v, ready %v", err, v.Ready())
		}
		i.serve(200, jwksOf(jwkOf("new", rsaNext(), nil)))
		if err := check(fresh); !errors.Is(err, auth.ErrUnknownKey) {
			t.Errorf("new key just after a read: %v, want ErrUnknownKey", err)
		}
		time.Sleep(11 * time.Second)
		if err := check(fresh); err != nil {
			t.Errorf("new key: %v", err)
		}
		if err := check(old); !errors.Is(err, auth.ErrUnknownKey) {
			t.Errorf("key that was taken away: %v, want ErrUnknownKey", err)
		}
		if got := i.asked.Load(); got != 2 {
			t.Errorf("URL was read %d times, want 2", got)
		}
	})
}

// Tokens with made-up key ids cannot make the platform ask more often than every 10 s.
func TestUnknownKeysAreBounded(t *testing.T) {
	unknown := sign(jwa.RS256(), rsaNext(), "made-up", `{"sub":"ann"}`)
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{slow: time.Second}
		i.serve(200, jwksOf(jwkOf("old", rsaKey(), nil)))
		_, check := remote(t, i)
		time.Sleep(2 * time.Second)
		for range 60 {
			time.Sleep(time.Second)
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					if err := check(unknown); !errors.Is(err, auth.ErrUnknownKey) {
						t.Errorf("made-up key: %v, want ErrUnknownKey", err)
					}
				})
			}
			wg.Wait()
		}
		if got := i.asked.Load(); got < 2 || got > 8 {
			t.Errorf("URL was read %d times in a minute, want 2 to 8", got)
		}
	})
}

func TestFailingURLKeepsKeys(t *testing.T) {
	token := sign(jwa.RS256(), rsaKey(), "old", `{"sub":"ann"}`)
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.serve(500, nil)
		v, check := remote(t, i)
		if err := check(token); !errors.Is(err, auth.ErrNoKeys) || v.Ready() {
			t.Fatalf("before any key: %v, ready %v, want ErrNoKeys", err, v.Ready())
		}
		i.serve(200, jwksOf(jwkOf("old", rsaKey(), nil)))
		time.Sleep(11 * time.Second)
		if err := check(token); err != nil || !v.Ready() {
			t.Fatalf("after the retry: %v, ready %v", err, v.Ready())
		}
		for _, bad := range []struct {
			code int
			body []byte
		}{{500, nil}, {200, []byte("<html>")}, {200, jwksOf()}, {200, make([]byte, 2<<20)}} {
			i.serve(bad.code, bad.body)
			asked := i.asked.Load()
			time.Sleep(11 * time.Minute)
			if err := check(token); err != nil || i.asked.Load() == asked {
				t.Errorf("after answer %d with %.10q: %v", bad.code, bad.body, err)
			}
		}
	})
}

// A token that waits for keys stops waiting with its context.
func TestVerifyStopsWaiting(t *testing.T) {
	token := sign(jwa.RS256(), rsaKey(), "old", `{"sub":"ann"}`)
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{slow: 3 * time.Second}
		i.serve(200, jwksOf(jwkOf("old", rsaKey(), nil)))
		v, check := remote(t, i)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := v.Verify(ctx, token); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Verify = %v, want DeadlineExceeded", err)
		}
		if err := check(token); err != nil {
			t.Errorf("Verify that waits for the first read = %v", err)
		}
	})
}

func TestChangedFile(t *testing.T) {
	next := []byte(strings.Repeat("y", 32))
	before, after := sign(jwa.HS256(), secret, "", `{"sub":"ann"}`), sign(jwa.HS256(), next, "", `{"sub":"ann"}`)
	path := file(t, secret)
	synctest.Test(t, func(t *testing.T) {
		v, err := auth.New(auth.Config{Keys: []auth.Source{auth.SecretFile(path)}})
		if err != nil {
			t.Fatal(err)
		}
		start(t, v)
		for _, step := range []struct {
			content string
			good    string
			bad     string
		}{
			{string(secret), before, after},
			{"broken", before, after},
			{string(next), after, before},
		} {
			if err := os.WriteFile(path, []byte(step.content), 0o600); err != nil {
				t.Fatal(err)
			}
			time.Sleep(11 * time.Second)
			if _, err := v.Verify(t.Context(), step.good); err != nil {
				t.Errorf("with %.6q in the file: %v", step.content, err)
			}
			if _, err := v.Verify(t.Context(), step.bad); !errors.Is(err, auth.ErrSignature) {
				t.Errorf("with %.6q in the file, the other secret's token: %v, want ErrSignature", step.content, err)
			}
		}
	})
}

// Keys that travel unprotected are worth a warning, except within this machine.
func TestPlainHTTPIsReported(t *testing.T) {
	for location, want := range map[string]bool{
		"http://id.example/keys": true, "http://10.0.0.1/keys": true,
		"https://id.example/keys": false, "http://127.0.0.1:1/keys": false, "http://localhost/keys": false, "http://[::1]/keys": false,
	} {
		var log strings.Builder
		_, err := auth.New(auth.Config{
			Keys: []auth.Source{auth.JWKS(location)}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		if got := strings.Contains(log.String(), "plain http"); err != nil || got != want {
			t.Errorf("New with %s = %v, warned %v, want %v", location, err, got, want)
		}
	}
}
