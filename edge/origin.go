package edge

import (
	"net/http"
	"net/url"
	"strings"
)

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

// allowOrigin lets the page of an allowed origin read the answer.
func allowOrigin(h http.Header, r *http.Request) {
	h.Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "ETag, Retry-After, Preference-Applied, Tutti-Cursor")
	}
}

// preflight reports whether a browser asks what it may ask.
func preflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// allowRequest answers a preflight.
func allowRequest(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, Prefer, If-None-Match, Last-Event-ID")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}
