package proof

import (
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// anyEdge stands for whichever edge a client connects to.
const anyEdge = "http://any.edge"

// edgeTime is how long an edge may take to accept a connection before the next one is tried.
const edgeTime = 500 * time.Millisecond

// ways takes the requests of a client to the edges: each link to the next, and so one in some of its further requests.
type ways struct {
	*run
	below http.RoundTripper

	mu       sync.Mutex
	at       int // the number of the edge
	link     string
	requests int // of the link
}

var _ http.RoundTripper = (*ways)(nil)

// through returns what connects a client to one edge after the other, beginning with the one of that number.
func (r *run) through(first int) *http.Client {
	d := net.Dialer{Timeout: edgeTime}
	return &http.Client{Transport: &ways{
		run: r, at: first,
		below: &http.Transport{
			DialContext:         d.DialContext,
			MaxIdleConnsPerHost: 4,
			IdleConnTimeout:     30 * time.Second,
		},
	}}
}

// RoundTrip implements http.RoundTripper.
func (w *ways) RoundTrip(r *http.Request) (*http.Response, error) {
	nodes := w.nodes()
	u, err := url.Parse(nodes[w.next(r.URL.Query().Get("attempt"))%len(nodes)].URL())
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.URL.Host = u.Host
	response, err := w.below.RoundTrip(r)
	if err != nil {
		w.mu.Lock()
		w.at++
		w.mu.Unlock()
	}
	return response, err
}

// next returns where a request goes that begins the link, or is a further one of it. That of a post is empty.
func (w *ways) next(link string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests++
	if link != "" && link != w.link {
		w.link, w.requests = link, 0
	}
	if w.requests%w.config.Stray == 0 {
		w.at++
	}
	return w.at
}
