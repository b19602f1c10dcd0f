package edge_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/wire"
)

const postsOf1 = commandsOf1 + "?conn=00000001-connection"

// TestNewerPostTakesOver: the older one gets 409 at once, whatever it still waits for.
func TestNewerPostTakesOver(t *testing.T) {
	bubble(t, nil, func(t *testing.T, p *platform, _ dialer) {
		p.owner.silence(wire.KindCommand)
		older := p.asked(http.MethodPost, postsOf1, "ann", `{"type":"command","id":1,"name":"say"}`)
		synctest.Wait()
		newer := p.asked(http.MethodPost, postsOf1, "ann", `{"type":"query","id":2,"name":"get"}`)
		wantAnswer(t, newer, 200, "")
		wantAnswer(t, older, 409, "replaced")
		synctest.Wait()
		if n := len(p.owner.received(wire.KindDetach)); n != 2 {
			t.Errorf("%d posts were detached, want both", n)
		}
	})
}

// TestAnswersOfAPostAreBounded: an entity may answer with much more than it was asked with.
func TestAnswersOfAPostAreBounded(t *testing.T) {
	tight := func(c *edge.Config) { c.Memory.LinkPrivate = 4 << 10 }
	bubble(t, tight, func(t *testing.T, p *platform, _ dialer) {
		frames := make([]string, 100)
		for i := range frames {
			frames[i] = fmt.Sprintf(`{"type":"query","id":%d,"name":"get","data":"%s"}`, i+1, strings.Repeat("x", 100))
		}
		wantAnswer(t, p.asked(http.MethodPost, postsOf1, "ann", strings.Join(frames, "\n")), 503, "overloaded")
		wantAnswer(t, p.asked(http.MethodPost, postsOf1, "ann", strings.Join(frames[:10], "\n")), 200, "")
		synctest.Wait()
		if s := p.edge.Stats(); s.PrivateBytes != 0 {
			t.Errorf("%d bytes of answers are still counted", s.PrivateBytes)
		}
	})
}
