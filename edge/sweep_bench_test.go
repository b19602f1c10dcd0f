//go:build linux

package edge_test

import (
	"fmt"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/edge"
)

// headers are what asks for a transport.
var headers = map[string]string{
	"websocket": "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: tutti.v1\r\n",
	"sse": "Accept: text/event-stream\r\n",
}

// flood opens n links over loopback TCP and returns how many bytes they have read.
func flood(b *testing.B, e *edge.Edge, addr, transport string, n int) (read func() int64) {
	b.Helper()
	var total atomic.Int64
	for i := range n {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = c.Close() })
		_, err = fmt.Fprintf(c, "GET /v1/room/1?conn=%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ann\r\n%s\r\n", conn(i), headers[transport])
		if err != nil {
			b.Fatal(err)
		}
		go func() { // until the cleanup closes c
			buf := make([]byte, 64<<10)
			for {
				k, err := c.Read(buf)
				total.Add(int64(k))
				if err != nil {
					return
				}
			}
		}()
	}
	for e.Stats().Accepted < int64(n) {
		runtime.Gosched()
	}
	e.Pass()
	return total.Load
}

func threadTime(b *testing.B) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}

// BenchmarkSweep hands a batch of events to all links of an entity, over loopback sockets. Its CPU
// is that of the thread which sweeps, the kernel's part included, without that of the clients.
func BenchmarkSweep(b *testing.B) {
	for _, transport := range []string{"websocket", "sse"} {
		for _, links := range []int{100, 1000} {
			for _, messages := range []int{1, 20, 100} {
				name := fmt.Sprintf("transport=%s/links=%d/messages=%d", transport, links, messages)
				b.Run(name, func(b *testing.B) { sweep(b, transport, links, messages) })
			}
		}
	}
}

func sweep(b *testing.B, transport string, links, messages int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	bus := localbus.New()
	e, err := edge.New(edge.Config{
		Bus: bus, Verifier: tokens{}, Categories: []edge.Category{{Name: "room"}}, Partitions: partitions,
		Workers: 1, Timing: edge.Timing{Pace: 1}, Limits: edge.Limits{SubHandshakes: 1 << 20},
	})
	if err != nil {
		b.Fatal(err)
	}
	o := newOwner(b, bus)
	stop, err := e.Listen()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(stop)
	s := httptest.NewServer(e)
	b.Cleanup(s.Close)
	read := flood(b, e, strings.TrimPrefix(s.URL, "http://"), transport, links)
	data := `"` + strings.Repeat("x", 100) + `"`
	settle := func() {
		for read() < e.Stats().BytesOut {
			runtime.Gosched()
		}
	}
	settle()
	var cpu, wall time.Duration
	before := e.Stats().Writes
	b.ReportAllocs()
	for b.Loop() {
		o.publish("room", "1", messages, data)
		start, used := time.Now(), threadTime(b)
		e.Pass()
		cpu += threadTime(b) - used
		wall += time.Since(start)
		settle()
	}
	deliveries := float64(b.N * links * messages)
	b.ReportMetric(float64(cpu.Nanoseconds())/1e3/deliveries, "cpu-µs/delivery")
	b.ReportMetric(deliveries/wall.Seconds(), "deliveries/s")
	b.ReportMetric(float64(e.Stats().Writes-before)/float64(b.N*links), "writes/link")
}
