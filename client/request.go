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
// several edges share a name or a balancer, one that goes takes no link with it that another one serves.
const (
	tries    = 5
	tryPause = 20 * time.Millisecond // about; twice as long each time
)

// do makes a request of a link, with that body.
func (p *poster) do(ctx context.Context, method, url string, body []byte, header http.Header) (*http.Response, error) {
	for try := 0; ; try++ {
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
		if try+1 == tries || err == nil && !elsewhere(response) || err != nil && reached(err) {
			return response, err
		}
		select {
		case <-time.After(tryPause<<try/2 + rand.N(tryPause<<try)):
		case <-ctx.Done():
			return response, err
		}
		if response != nil {
			_ = response.Body.Close() // what it says is not asked for
		}
	}
}

// elsewhere reports whether an edge has done nothing and another one may be asked at once.
func elsewhere(r *http.Response) bool {
	return r.StatusCode == http.StatusServiceUnavailable && r.Header.Get("Retry-After") == "0"
}
