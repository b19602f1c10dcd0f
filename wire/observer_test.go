package wire_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// TestWelcomeOfAnObserver: who is no member is not told that it is one without a name.
func TestWelcomeOfAnObserver(t *testing.T) {
	e := &wire.Envelope{Kind: wire.KindWelcome, Flags: wire.Known, Epoch: "e", Revision: 2, Data: []byte("1")}
	frame := string(wire.AppendFrame(nil, e, wire.FrameOptions{Heartbeat: time.Second}))
	if !strings.HasPrefix(frame, `{"type":"welcome","epoch":"e","rev":2,`) {
		t.Errorf("welcome = %s, want one without a member", frame)
	}
	if got, err := wire.DecodeServerFrame([]byte(frame)); err != nil || got.Member != "" || got.Revision != 2 {
		t.Errorf("decoded %+v, %v", got, err)
	}
}
