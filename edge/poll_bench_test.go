package edge_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/edge"
)

// memory returns what lives on the heap and what stacks have.
func memory() (heap, stack float64) {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools let go
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc), float64(m.StackInuse)
}

// BenchmarkPendingPoll weighs a long poll that waits, with and without a connection of the protocol, and beside it a request
// that waits in a handler which does nothing else: that is what the HTTP server has for each.
func BenchmarkPendingPoll(b *testing.B) {
	p := start(b, func(c *edge.Config) { c.Timing.Linger, c.Limits.SubHandshakes = 2*time.Second, 1<<20 })
	release := make(chan struct{})
	nothing := http.NewServeMux()
	waiting := make(chan struct{}, 1)
	nothing.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) {
		waiting <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	s := &http.Server{Handler: nothing}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = s.Serve(l) }() // until Close
	b.Cleanup(func() { _ = s.Close() })
	b.Cleanup(func() { close(release) })
	for _, of := range []struct{ who, addr, query string }{
		{"connection", strings.TrimPrefix(p.url, "http://"), "&conn="},
		{"observer", strings.TrimPrefix(p.url, "http://"), ""},
		{"nothing", l.Addr().String(), ""},
	} {
		b.Run("of="+of.who, func(b *testing.B) {
			const polls = 1000
			var heap, stack float64
			for b.Loop() {
				heapBefore, stackBefore := memory()
				before := p.edge.Stats().Links
				conns := make([]net.Conn, polls)
				for i := range conns {
					query := of.query
					if query != "" {
						query += conn(i)
					}
					c, err := net.Dial("tcp", of.addr)
					if err != nil {
						b.Fatal(err)
					}
					ask := func() {
						if _, err := fmt.Fprintf(c, "GET /v1/room/1?cursor=e1:0%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ann\r\nAccept: application/json\r\nPrefer: wait=60\r\n\r\n", query); err != nil {
							b.Fatal(err)
						}
					}
					ask()
					if query != "" {
						resp, err := http.ReadResponse(bufio.NewReader(c), nil)
						if err != nil {
							b.Fatal(err)
						}
						_, _ = io.Copy(io.Discard, resp.Body) // the welcome
						ask()
					}
					if conns[i] = c; of.who == "nothing" {
						<-waiting
					}
				}
				if of.who != "nothing" {
					waitFor(b, func() bool { return p.edge.Waiting() == polls })
				}
				heapAfter, stackAfter := memory()
				heap, stack = heap+heapAfter-heapBefore, stack+stackAfter-stackBefore
				for _, c := range conns {
					_ = c.(*net.TCPConn).CloseWrite()
					_, _ = io.Copy(io.Discard, c)
					_ = c.Close()
				}
				waitFor(b, func() bool { return p.edge.Stats().Links == before })
			}
			b.ReportMetric(heap/float64(b.N*polls), "heap-bytes/poll")
			b.ReportMetric(stack/float64(b.N*polls), "stack-bytes/poll")
		})
	}
}
