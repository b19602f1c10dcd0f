package client

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

// A request that nobody has got, since nobody could be dialed, is made again, and so is one that an edge refuses because it stops. Where
// several edges share a name or a balancer, one that goes takes no link with it that another one serves. A poll at another edge begins a
// link there anyhow: it is not refused for long.
const (
	tries     = 5
	pollTries = 2                     // where it is refused
	tryPause  = 20 * time.Millisecond // about; twice as long each time
)

// do makes a request of a link, with that body. It is made so many times where edges refuse it.
func (p *poster) do(ctx context.Context, method, url string, body []byte, header http.Header, refused int) (*http.Response, error) {
	for try := 1; ; try++ {
		r, err := p.l.request(ctx, method, url)
		if err != nil {
			return nil, err
		}
		for name, values := range header {
			r.Header[name] = values
		}
		if body != nil {
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			r.GetBody = nil // a POST that failed is not sent again: what became of it is not known
		}
		response, err := p.http.Do(r)
		if try == tries || err == nil && (try >= refused || !elsewhere(response)) || err != nil && reached(err) {
			return response, err
		}
		select {
		case <-time.After(tryPause<<try/4 + rand.N(tryPause<<try/2)):
		case <-ctx.Done():
			return response, err
		}
		if response != nil {
			_ = response.Body.Close() // what it says is not asked for
		}
	}
}

// elsewhere reports whether an edge, and nobody on the way to one, has said that it has done nothing and that another one may be asked at once.
func elsewhere(r *http.Response) bool {
	return r.StatusCode == http.StatusServiceUnavailable && r.Header.Get("Retry-After") == "0" && isType(r, mediaProblem)
}
