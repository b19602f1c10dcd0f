package netlab_test

import (
	"net"
	"testing"

	"github.com/tutti-rt/tutti/internal/netlab"
)

// BenchmarkRoundTrip is a small packet from one host to another and back.
func BenchmarkRoundTrip(b *testing.B) {
	l, err := netlab.Start(b.Context(), 2, 1)
	if err != nil {
		b.Skip(err)
	}
	defer l.Close()
	var at [2]net.PacketConn
	for i := range at {
		err := l.Do(i+1, func() (err error) {
			at[i], err = net.ListenPacket("udp4", net.JoinHostPort(l.Address(i+1).String(), "5000"))
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		defer at[i].Close()
	}
	b.ReportAllocs()
	buf := make([]byte, 64)
	for b.Loop() {
		for i := range at {
			if _, err := at[i].WriteTo(buf, at[1-i].LocalAddr()); err != nil {
				b.Fatal(err)
			}
			if _, _, err := at[1-i].ReadFrom(buf); err != nil {
				b.Fatal(err)
			}
		}
	}
}
