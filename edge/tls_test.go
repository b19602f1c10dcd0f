//go:build linux

package edge_test

import (
	"fmt"
	"testing"
)

// TestTLSNeedsNoGoroutines has clients over TLS that read what they get: no write of theirs is waited for, large
// or small.
func TestTLSNeedsNoGoroutines(t *testing.T) {
	p := startTLS(t, nil)
	var clients []*client
	for i := range 5 {
		clients = append(clients, p.dial(t, "1", i, "", "ann"))
		clients[i].want(`"welcome"`)
	}
	for i := range 20 {
		p.owner.publish("room", "1", 1, fmt.Sprintf(`"%0*d"`, i*1000+1, 1))
		for _, c := range clients {
			c.want(fmt.Sprintf(`"rev":%d,`, i+1))
		}
	}
	if s := p.edge.Stats(); s.Blocked != 0 {
		t.Errorf("%d writes had a goroutine of their own, want none", s.Blocked)
	}
}
