package proof

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// anyEdge stands for whichever edge a client connects to.
const anyEdge = "http://any.edge"

// edgeTime is how long an edge may take to accept a connection before the next one is tried.
const edgeTime = 500 * time.Millisecond

// through returns what connects a client to one edge after the other, beginning with the one of that number: each link to the next.
func (r *run) through(first int) *http.Client {
	var dials atomic.Int64
	dials.Store(int64(first) - 1)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		nodes := r.nodes()
		u, err := url.Parse(nodes[int(dials.Add(1))%len(nodes)].URL())
		if err != nil {
			return nil, err
		}
		d := net.Dialer{Timeout: edgeTime}
		return d.DialContext(ctx, network, u.Host)
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
}
