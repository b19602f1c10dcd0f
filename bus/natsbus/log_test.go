package natsbus_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/bus/natsbus"
)

// TestServersSayTheSameOnceAMinute has a node away for ten minutes, while other things go wrong as well.
func TestServersSayTheSameOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lines
		says := natsbus.Says(log.logger())
		const lanes = 4
		refused := func(address string) error { return fmt.Errorf("dial tcp %s: connect: connection refused", address) }
		for second := range 600 {
			for range lanes {
				says.Errorf("Error trying to connect to route (attempt %v): %v", second+1, refused("10.0.0.2:6222"))
				if second >= 300 {
					says.Errorf("Error trying to connect to route (attempt %v): %v", second-299, refused("10.0.0.3:6222"))
				}
				says.Errorf("10.0.0.4:%d - rid:%d - TLS route handshake error: %v", 40000+second, second, errors.New("unknown authority"))
			}
			time.Sleep(time.Second)
			if said := strings.Count(log.String(), "level=WARN"); second == 1 && said != 1 {
				t.Errorf("%d warnings after two seconds, want none of a node that may be back soon:\n%s", said, log.String())
			}
		}
		for about, want := range map[string]int{"10.0.0.2:6222": 10, "10.0.0.3:6222": 5, "handshake": 10} {
			said := 0
			for line := range strings.Lines(log.String()) {
				if strings.Contains(line, "level=WARN") && strings.Contains(line, about) {
					said++
				}
			}
			if said != want {
				t.Errorf("%d warnings of %s in ten minutes, want %d", said, about, want)
			}
		}
	})
}
