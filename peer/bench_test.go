package peer_test

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/peer"
)

// BenchmarkSend sends frames from one mesh to another over sockets of this machine, with 256 on their way, or 16 MiB.
func BenchmarkSend(b *testing.B) {
	for _, size := range []int{100, 1 << 10, 16 << 10, 256 << 10} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			window := make(chan struct{}, min(256, 16<<20/size))
			from := loopback(b, 1)
			to := loopback(b, 2, before(func(m *peer.Mesh) {
				m.Handle(0, func(journal.NodeID, []byte) { <-window })
			}))
			introduce(b, from, to)
			data := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				window <- struct{}{}
				if !from.Send(2, 0, data) {
					b.Fatal("Send = false")
				}
			}
		})
	}
}

// BenchmarkRoundTrip has one frame there and one back.
func BenchmarkRoundTrip(b *testing.B) {
	back := make(chan struct{}, 1)
	from := loopback(b, 1, before(func(m *peer.Mesh) {
		m.Handle(0, func(journal.NodeID, []byte) { back <- struct{}{} })
	}))
	to := loopback(b, 2, before(func(m *peer.Mesh) {
		m.Handle(0, func(id journal.NodeID, data []byte) { m.Send(id, 0, data) })
	}))
	introduce(b, from, to)
	data := make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		from.Send(2, 0, data)
		<-back
	}
}

// BenchmarkStream copies in bulk, over a connection of its own.
func BenchmarkStream(b *testing.B) {
	const bulkBytes = 16 << 20
	from := loopback(b, 1)
	to := loopback(b, 2, before(func(m *peer.Mesh) {
		m.Serve("bulk", func(_ context.Context, _ journal.NodeID, _ []byte, w io.Writer) error {
			_, err := w.Write(make([]byte, bulkBytes))
			return err
		})
	}))
	introduce(b, from, to)
	b.SetBytes(bulkBytes)
	b.ReportAllocs()
	for b.Loop() {
		s, err := from.Open(b.Context(), 2, "bulk", nil)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, s); err != nil || n != bulkBytes {
			b.Fatalf("got %d bytes, %v", n, err)
		}
		s.Close()
	}
}

// BenchmarkCall makes a connection for each call.
func BenchmarkCall(b *testing.B) {
	from, to := loopback(b, 1), loopback(b, 2, before(serveTests))
	introduce(b, from, to)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := from.Call(b.Context(), 2, "echo", []byte("x")); err != nil {
			b.Fatal(err)
		}
	}
}
