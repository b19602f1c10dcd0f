package edge_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tutti-rt/tutti/edge"
)

// TestOrigins: a page of an allowed origin may read every answer, refusals too, and ask before what it may ask. Others
// learn nothing.
func TestOrigins(t *testing.T) {
	p := start(t, func(c *edge.Config) { c.Origins = []string{"https://app.example.org"} })
	const app = "https://app.example.org"
	for _, c := range []struct {
		name, method, path, origin string
		asks                       string // Access-Control-Request-Method
		status                     int
		allowed                    string
	}{
		{"preflight of commands", "OPTIONS", "/v1/room/1/commands", app, "POST", 204, app},
		{"preflight of a view", "OPTIONS", "/v1/room/1", app, "GET", 204, app},
		{"preflight of tickets", "OPTIONS", "/v1/tickets", app, "POST", 204, app},
		{"preflight of another origin", "OPTIONS", "/v1/tickets", "https://evil.example.org", "POST", 403, ""},
		{"preflight of no origin", "OPTIONS", "/v1/tickets", "null", "POST", 403, ""},
		{"no preflight", "OPTIONS", "/v1/room/1", app, "", 405, app},
		{"refusal", "GET", "/v1/nowhere/1", app, "", 404, app},
		{"refusal of the host's own page", "GET", "/v1/nowhere/1", p.url, "", 404, p.url},
		{"refusal of a program", "GET", "/v1/nowhere/1", "", "", 404, ""},
		{"another origin", "GET", "/v1/nowhere/1", "https://evil.example.org", "", 403, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), c.method, p.url+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			if c.asks != "" {
				r.Header.Set("Access-Control-Request-Method", c.asks)
			}
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			h := resp.Header
			if resp.StatusCode != c.status || h.Get("Access-Control-Allow-Origin") != c.allowed {
				t.Errorf("answer is %d for origin %q, want %d for %q", resp.StatusCode, h.Get("Access-Control-Allow-Origin"), c.status, c.allowed)
			}
			if c.allowed != "" && (h.Get("Vary") != "Origin" || !strings.Contains(h.Get("Access-Control-Expose-Headers"), "Retry-After")) {
				t.Errorf("answer has the headers %v, want Vary: Origin and some of them exposed", h)
			}
			if c.status == 204 && (!strings.Contains(h.Get("Access-Control-Allow-Methods"), c.asks) ||
				!strings.Contains(h.Get("Access-Control-Allow-Headers"), "Idempotency-Key")) {
				t.Errorf("preflight is answered with %v, want the method and the headers allowed", h)
			}
		})
	}
}
