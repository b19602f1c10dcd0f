package edge

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tutti-rt/tutti/edge/internal/websock"
	"github.com/tutti-rt/tutti/wire"
)

// request is what a client asks for with its URL and headers.
type request struct {
	category Category
	id       string
	conn     string
	cursor   *wire.Cursor // nil: none
	watch    bool
	presence bool
	token    string
	key      string // Sec-WebSocket-Key
}

const bearerPrefix = "bearer."

// parse reads a request for a WebSocket.
func (e *Edge) parse(r *http.Request) (*request, *problem) {
	q := &request{}
	if p := e.parsePath(q, r.URL.EscapedPath()); p != nil {
		return nil, p
	}
	if r.Method != http.MethodGet {
		return nil, refuse(http.StatusMethodNotAllowed, "only GET is understood here").with("Allow", http.MethodGet)
	}
	if p := parseUpgrade(q, r); p != nil {
		return nil, p
	}
	if !e.allowed(r) {
		return nil, refuse(http.StatusForbidden, "the origin is not allowed")
	}
	if p := parseQuery(q, r.URL.RawQuery); p != nil {
		return nil, p
	}
	q.token = token(r)
	return q, nil
}

// parsePath reads /v1/{category}/{id}.
func (e *Edge) parsePath(q *request, escaped string) *problem {
	rest, ok := strings.CutPrefix(escaped, "/v1/")
	name, id, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 {
		return refuse(http.StatusNotFound, "the path is not /v1/{category}/{id}")
	}
	if q.category, ok = e.categories[name]; !ok {
		return refuse(http.StatusNotFound, "there is no such category")
	}
	if strings.Contains(id, "/") {
		return refuse(http.StatusNotFound, "the path is not /v1/{category}/{id}")
	}
	var err error
	if q.id, err = url.PathUnescape(id); err != nil || !wire.ValidID(q.id) {
		return refuse(http.StatusBadRequest, "the id has to be 1 to 128 bytes of UTF-8 without control characters or '/'")
	}
	return nil
}

// parseUpgrade checks what RFC 6455 wants of a handshake.
func parseUpgrade(q *request, r *http.Request) *problem {
	upgrade := func(detail string) *problem {
		return refuse(http.StatusUpgradeRequired, detail).with("Upgrade", "websocket").with("Connection", "Upgrade")
	}
	switch {
	case !websock.Wanted(r) && acceptsOnlyLater(r.Header):
		return refuse(http.StatusNotAcceptable, "this entity is served over WebSocket")
	case !websock.Wanted(r):
		return upgrade("this entity is served over WebSocket")
	case r.Header.Get("Sec-WebSocket-Version") != "13":
		return upgrade("the WebSocket version has to be 13").with("Sec-WebSocket-Version", "13")
	case !websock.ValidKey(r):
		return refuse(http.StatusBadRequest, "the WebSocket handshake has no valid key")
	case !slices.Contains(websock.Tokens(r.Header, "Sec-WebSocket-Protocol"), wire.Subprotocol):
		return upgrade("the subprotocol has to be "+wire.Subprotocol).with("Sec-WebSocket-Protocol", wire.Subprotocol)
	}
	q.key = r.Header.Get("Sec-WebSocket-Key")
	return nil
}

// acceptsOnlyLater reports whether a plain GET names media types, and they are of the other
// transports, which this edge does not serve.
func acceptsOnlyLater(h http.Header) bool {
	accepted := websock.Tokens(h, "Accept")
	for _, a := range accepted {
		media, _, _ := strings.Cut(a, ";")
		switch strings.ToLower(strings.TrimSpace(media)) {
		case "application/json", "text/event-stream":
		default:
			return false
		}
	}
	return len(accepted) > 0
}

func parseQuery(q *request, raw string) *problem {
	bad := func(detail string) *problem { return refuse(http.StatusBadRequest, detail) }
	values, err := url.ParseQuery(raw)
	if err != nil {
		return bad("the query is malformed")
	}
	q.conn = values.Get("conn")
	if !wire.ValidConn(q.conn) {
		return bad("conn has to be 16 to 64 of A-Z a-z 0-9 _ -")
	}
	if values.Has("cursor") {
		c, err := wire.ParseCursor(values.Get("cursor"))
		if err != nil {
			return bad("cursor has to be <epoch>:<rev>")
		}
		q.cursor = &c
	}
	var ok1, ok2 bool
	q.watch, ok1 = flag(values, "watch", true)
	q.presence, ok2 = flag(values, "presence", false)
	if !ok1 || !ok2 {
		return bad("watch and presence have to be 0 or 1")
	}
	return nil
}

func flag(values url.Values, name string, absent bool) (value, ok bool) {
	switch values.Get(name) {
	case "":
		return absent, !values.Has(name)
	case "0":
		return false, true
	case "1":
		return true, true
	}
	return false, false
}

// token returns the bearer token of the Authorization header or of a subprotocol, or "".
func token(r *http.Request) string {
	const scheme = "bearer "
	if a := r.Header.Get("Authorization"); len(a) > len(scheme) && strings.EqualFold(a[:len(scheme)], scheme) {
		return strings.TrimSpace(a[len(scheme):])
	}
	for _, p := range websock.Tokens(r.Header, "Sec-WebSocket-Protocol") {
		if t, ok := strings.CutPrefix(p, bearerPrefix); ok {
			return t
		}
	}
	return ""
}

// allowed reports whether the request's origin may speak to this edge. Programs that are no
// browsers send none.
func (e *Edge) allowed(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 || e.origins["*"] {
		return true
	}
	if len(origins) > 1 {
		return false
	}
	origin := normalOrigin(origins[0])
	if e.origins[origin] {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	return u.Host == normalHost(u.Scheme, r.Host)
}

// normalOrigin returns an origin in lower case, without the port that its scheme implies.
func normalOrigin(origin string) string {
	origin = strings.ToLower(origin)
	scheme, host, ok := strings.Cut(origin, "://")
	if !ok {
		return origin
	}
	return scheme + "://" + normalHost(scheme, strings.TrimSuffix(host, "/"))
}

func normalHost(scheme, host string) string {
	host = strings.ToLower(host)
	switch scheme {
	case "http":
		return strings.TrimSuffix(host, ":80")
	case "https":
		return strings.TrimSuffix(host, ":443")
	}
	return host
}
