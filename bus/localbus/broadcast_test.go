package localbus_test

import (
	"testing"

	"github.com/tutti-rt/tutti/bus/bustest"
	"github.com/tutti-rt/tutti/bus/localbus"
)

func TestBroadcastConformance(t *testing.T) {
	bustest.RunBroadcast(t, func(*testing.T) (here, there bustest.Broadcasting) {
		b := localbus.New()
		return b, b
	})
}
