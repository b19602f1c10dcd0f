package client_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/tutti-rt/tutti/client"
)

// BenchmarkSend measures client and server of the examples together, over loopback: each client has
// 16 commands on their way, and gets their events.
func BenchmarkSend(b *testing.B) {
	for _, clients := range []int{1, 100} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			server := counterServer()
			defer server.Close()
			all := make([]*client.Client, clients)
			for i := range all {
				c, err := client.Open(b.Context(), client.EntityURL(server.URL, "counter", "1"), client.Config{})
				if err != nil {
					b.Fatal(err)
				}
				defer c.Close()
				all[i] = c
			}
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			data := map[string]int{"by": 1}
			for w := range clients * 16 {
				wg.Go(func() {
					for range b.N/(clients*16) + 1 {
						if _, err := all[w%clients].Send(b.Context(), "add", data); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}
