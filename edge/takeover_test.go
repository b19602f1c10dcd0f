package edge_test

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tutti-rt/tutti/edge"
)

// closing is the answer to a request whose connection is closed while it is taken over.
type closing struct{ http.ResponseWriter }

func (w closing) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := w.ResponseWriter.(http.Hijacker).Hijack()
	if err == nil {
		err = conn.Close()
	}
	return conn, rw, err
}

// TestClosedWhileTakenOver has the server close a connection just when it becomes a link, as it may that has too many of
// them. The link ends like any other, and the edge can stop.
func TestClosedWhileTakenOver(t *testing.T) { both(t, testClosedWhileTakenOver) }

func testClosedWhileTakenOver(t *testing.T, start starter) {
	p := start(t, nil)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.edge.ServeHTTP(closing{w}, r) })
	s := httptest.NewUnstartedServer(handler)
	if strings.HasPrefix(p.url, "https") {
		s.Listener = edge.Listener(s.Listener)
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	p.url, p.http = s.URL, s.Client()
	if _, _, err := p.tryDial(t, "1", conn(1), "", "ann"); err == nil {
		t.Error("dial = nil over a connection that was closed, want an error")
	}
	waitFor(t, func() bool { return p.edge.Stats().Accepted == 1 && p.edge.Stats().Links == 0 })
}
