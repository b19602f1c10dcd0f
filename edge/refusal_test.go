package edge_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/wire"
)

// handshake returns a good request for a WebSocket, which change spoils.
func handshake(t *testing.T, url string, change func(*http.Request)) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Sec-Websocket-Protocol": {wire.Subprotocol},
		"Authorization": {"Bearer ann"},
	}
	if change != nil {
		change(r)
	}
	return r
}

func set(name string, values ...string) func(*http.Request) {
	return func(r *http.Request) {
		if len(values) == 0 {
			r.Header.Del(name)
			return
		}
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
}

func TestRefusals(t *testing.T) {
	p := start(t, func(c *edge.Config) { c.Origins = []string{"https://app.example.org"} })
	const good = "/v1/room/1?conn=0123456789abcdef"
	method := func(m string) func(*http.Request) { return func(r *http.Request) { r.Method = m } }
	plain := func(accept string) func(*http.Request) {
		return func(r *http.Request) { r.Header = http.Header{"Accept": {accept}} }
	}
	for _, c := range []struct {
		name   string
		path   string
		change func(*http.Request)
		status int
		header string // that the answer has to have
	}{
		{"good", good, nil, 101, "Sec-Websocket-Accept"},
		{"id of 128 bytes", "/v1/room/" + strings.Repeat("x", 128) + "?conn=0123456789abcdef", nil, 101, ""},
		{"escaped id", "/v1/room/%C3%A9%20%3F?conn=0123456789abcdef", nil, 101, ""},
		{"cursor", good + "&cursor=e1:0&presence=1&watch=1", nil, 101, ""},
		{"same origin", good, func(r *http.Request) { r.Header.Set("Origin", "http://"+r.URL.Host) }, 101, ""},
		{"allowed origin", good, set("Origin", "https://APP.example.org:443"), 101, ""},
		{"token as subprotocol", good, func(r *http.Request) {
			r.Header.Del("Authorization")
			r.Header.Set("Sec-WebSocket-Protocol", wire.Subprotocol+", bearer.ann")
		}, 101, ""},

		{"unknown category", "/v1/nowhere/1?conn=0123456789abcdef", nil, 404, ""},
		{"no id", "/v1/room", nil, 404, ""},
		{"deeper path", "/v1/room/1/2?conn=0123456789abcdef", nil, 404, ""},
		{"other path", "/", nil, 404, ""},
		{"empty id", "/v1/room/?conn=0123456789abcdef", nil, 400, ""},
		{"slash in the id", "/v1/room/a%2Fb?conn=0123456789abcdef", nil, 400, ""},
		{"control character in the id", "/v1/room/a%0Ab?conn=0123456789abcdef", nil, 400, ""},
		{"id not UTF-8", "/v1/room/%ff?conn=0123456789abcdef", nil, 400, ""},
		{"long id", "/v1/room/" + strings.Repeat("x", 129) + "?conn=0123456789abcdef", nil, 400, ""},
		{"no conn", "/v1/room/1", nil, 400, ""},
		{"short conn", "/v1/room/1?conn=0123456789abcde", nil, 400, ""},
		{"strange conn", "/v1/room/1?conn=0123456789abcde!", nil, 400, ""},
		{"malformed query", good + "&x=%zz", nil, 400, ""},
		{"malformed cursor", good + "&cursor=7", nil, 400, ""},
		{"empty cursor", good + "&cursor=", nil, 400, ""},
		{"strange watch", good + "&watch=yes", nil, 400, ""},
		{"strange presence", good + "&presence=yes", nil, 400, ""},
		{"malformed key", good, set("Sec-WebSocket-Key", "short"), 400, ""},
		{"no token", good, set("Authorization"), 401, "Www-Authenticate"},
		{"bad token", good, set("Authorization", "Bearer bad"), 401, "Www-Authenticate"},
		{"basic authorization", good, set("Authorization", "Basic YTpi"), 401, "Www-Authenticate"},
		{"token in a cookie", good, func(r *http.Request) {
			r.Header.Del("Authorization")
			r.Header.Set("Cookie", "token=ann; Authorization=Bearer ann")
		}, 401, "Www-Authenticate"},
		{"foreign origin", good, set("Origin", "https://evil.example.org"), 403, ""},
		{"null origin", good, set("Origin", "null"), 403, ""},
		{"two origins", good, set("Origin", "https://app.example.org", "https://evil.example.org"), 403, ""},
		{"allowed host, other scheme", good, set("Origin", "http://app.example.org"), 403, ""},
		{"POST", good, method(http.MethodPost), 405, "Allow"},
		{"DELETE", good, method(http.MethodDelete), 405, "Allow"},
		{"HEAD", good, method(http.MethodHead), 405, "Allow"},
		{"image", good, plain("image/png"), 406, ""},
		{"neither upgrade nor media type", good, func(r *http.Request) { r.Header = http.Header{"Accept": nil} }, 426, "Upgrade"},
		{"PUT to commands", "/v1/room/1/commands", method(http.MethodPut), 405, "Allow"},
		{"commands of no category", "/v1/nowhere/1/commands", method(http.MethodPost), 404, ""},
		{"an entity called commands", "/v1/room/commands?conn=0123456789abcdef", nil, 101, ""},
		{"GET of tickets", "/v1/tickets", nil, 405, "Allow"},
		{"GET of online", "/v1/online", nil, 405, "Allow"},
		{"no subprotocol", good, set("Sec-WebSocket-Protocol"), 426, "Sec-Websocket-Protocol"},
		{"unknown subprotocol", good, set("Sec-WebSocket-Protocol", "tutti.v2, bearer.x"), 426, "Sec-Websocket-Protocol"},
		{"old version", good, set("Sec-WebSocket-Version", "8"), 426, "Sec-Websocket-Version"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, err := http.DefaultTransport.RoundTrip(handshake(t, p.url+c.path, c.change))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != c.status {
				t.Fatalf("status = %d, want %d", resp.StatusCode, c.status)
			}
			if c.header != "" && resp.Header.Get(c.header) == "" {
				t.Errorf("no header %s in %v", c.header, resp.Header)
			}
			if c.status == 101 {
				if got := resp.Header.Get("Sec-WebSocket-Protocol"); got != wire.Subprotocol {
					t.Errorf("subprotocol = %q, want %q", got, wire.Subprotocol)
				}
				return
			}
			wantProblem(t, resp)
		})
	}
}

func wantProblem(t *testing.T, resp *http.Response) {
	t.Helper()
	if got := resp.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type = %q, want application/problem+json", got)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Request.Method == http.MethodHead {
		return
	}
	var problem struct {
		Type, Title, Detail string
		Status              int
	}
	if err := json.Unmarshal(body, &problem); err != nil {
		t.Fatalf("body %s: %v", body, err)
	}
	if problem.Type == "" || problem.Title == "" || problem.Detail == "" || problem.Status != resp.StatusCode {
		t.Errorf("problem = %s, want type, title, detail and status %d", body, resp.StatusCode)
	}
}

// TestNobodyServesTheEntity has no owner at the other end of the bus.
func TestNobodyServesTheEntity(t *testing.T) {
	p := start(t, func(c *edge.Config) { c.Partitions = 32 }) // the owner serves 16
	refused := 0
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		resp, err := http.DefaultTransport.RoundTrip(handshake(t, p.url+"/v1/room/"+id+"?conn=0123456789abcdef", nil))
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "" {
			refused++
			wantProblem(t, resp)
		}
		resp.Body.Close()
	}
	if refused == 0 {
		t.Error("no request for an entity without an owner was refused with 503 and Retry-After")
	}
}

func TestNewReportsEveryMistake(t *testing.T) {
	_, err := edge.New(edge.Config{
		Categories: []edge.Category{{Name: "Room"}, {Name: "a"}, {Name: "a"}},
		Origins:    []string{"example.org"},
		Limits:     edge.Limits{Frame: -1},
	})
	if err == nil {
		t.Fatal("New accepts a wrong configuration")
	}
	for _, want := range []string{"Bus", "Verifier", `"Room"`, `"a" is there twice`, "example.org", "Limits.Frame"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("New() = %v, want it to name %s", err, want)
		}
	}
}
