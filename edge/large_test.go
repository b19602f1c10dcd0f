package edge_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tutti-rt/tutti/edge"
)

// TestLargeWelcomeHoldsUpNobody has clients that are shown more than a link may have waiting. One does not read it: the
// others go on, and it has all of it once it reads.
func TestLargeWelcomeHoldsUpNobody(t *testing.T) {
	sockets(t, edge.Memory{}, func(t *testing.T, p *platform, open func(int, string) *fakeClient) {
		p.owner.state = []byte(`"` + strings.Repeat("x", 6<<20) + `"`)
		good := open(1, "")
		good.socket.Allow(unlimited)
		synctest.Wait()
		stalled := open(2, "")
		stalled.socket.Allow(1000)
		p.owner.publish("room", "1", 100, `"y"`)
		synctest.Wait()
		if n := len(good.frames(t)); n != 101 {
			t.Errorf("the client that reads got %d frames while another takes its welcome, want 101", n)
		}
		stalled.socket.Allow(unlimited)
		synctest.Wait()
		frames := stalled.frames(t)
		if len(frames) != 101 || len(frames[0]) < 6<<20 || !strings.Contains(frames[100], `"event"`) {
			t.Errorf("the client that read late got %d frames, want the welcome and 100 events", len(frames))
		}
	})
}
