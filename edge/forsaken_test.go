package edge_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tutti-rt/tutti/edge"
)

// TestRingOfForsakenLinks has the owner give up the only link that watches, which takes its time to
// go. What happens until the next one comes is not sent to the edge, so that one must not follow the old ring.
func TestRingOfForsakenLinks(t *testing.T) {
	sockets(t, edge.Memory{}, func(t *testing.T, p *platform, open func(int, string) *fakeClient) {
		a := open(1, "")
		a.socket.Allow(400)
		synctest.Wait()
		a.socket.Block()
		p.owner.publish("room", "1", 1, `"one"`)
		synctest.Wait()
		replacing := open(1, "&watch=0")
		replacing.socket.Allow(unlimited)
		synctest.Wait()
		p.owner.publish("room", "1", 3, `"unseen"`)
		synctest.Wait()
		b := open(2, "&cursor=e1:1")
		b.socket.Allow(unlimited)
		synctest.Wait()
		p.owner.publish("room", "1", 1, `"last"`)
		synctest.Wait()
		var events int
		frames := b.frames(t)
		for _, f := range frames {
			if strings.Contains(f, `"event"`) {
				events++
			}
		}
		if events != 4 {
			t.Errorf("%d events after the first, want 4: %q", events, frames)
		}
		a.socket.Allow(unlimited)
		synctest.Wait()
		if all := strings.Join(a.frames(t), " "); !strings.Contains(all, `"one"`) || !strings.Contains(all, "replaced") {
			t.Errorf("the link that was given up got %s", all)
		}
	})
}
