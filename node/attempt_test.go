package node_test

import (
	"strings"
	"testing"
	"time"
)

// A request that was given up and comes after the one that followed it replaces nothing.
func TestLateAttempt(t *testing.T) {
	n := start(t, config())
	feeder := mustOpen(t, n)
	open := func(transport, query string) (follower, error) {
		return transports[transport](t.Context(), "http://"+n.Addr().String(), "/v1/tally/a", query, token(t, "ann", time.Hour))
	}
	for first := range transports {
		for late := range transports {
			t.Run(late+" after "+first, func(t *testing.T) {
				conn := "?conn=connection-" + first + "-" + late
				l, err := open(first, conn+"&attempt=1700000000002")
				if err != nil {
					t.Fatal(err)
				}
				defer l.cut()
				want(t, l, "welcome")
				behind, err := open(late, conn+"&attempt=1700000000001")
				if err == nil {
					defer behind.cut()
					var line string
					if line, err = behind.next(); err == nil && !strings.Contains(line, `"code":"replaced"`) {
						t.Errorf("the late request gets %s, want to be turned away", line)
					}
				}
				sum(t, feeder, 1)
				if f := want(t, l, "event"); f.Name != "added" {
					t.Errorf("the link gets %+v, want the event", f)
				}
				again, err := open(late, conn+"&attempt=1700000000003")
				if err != nil {
					t.Fatal(err)
				}
				defer again.cut()
				want(t, again, "welcome")
			})
		}
	}
	for _, bad := range []string{"0", "-1", "x", "", "9007199254740992"} {
		if _, err := open("sse", "?conn="+strings.Repeat("c", 16)+"&attempt="+bad); err == nil {
			t.Errorf("attempt %q is taken", bad)
		}
	}
}
