package edge_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tutti-rt/tutti/bus"
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

// TestPostedCommandThatMayHaveComeThrough is refused on its way to an owner. That is no answer: another sending of it may have come
// through, of this request or of one before.
func TestPostedCommandThatMayHaveComeThrough(t *testing.T) {
	m := &moving{}
	bubble(t, routed(m), func(t *testing.T, p *platform, _ dialer) {
		m.owner, p.owner.ledger = p.owner, true
		refuse := func(id uint64) {
			synctest.Wait()
			sent := p.owner.received(wire.KindCommand)
			link := sent[len(sent)-1].Link
			p.owner.mu.Lock()
			defer p.owner.mu.Unlock()
			n := p.owner.entity("room", "1")
			for _, e := range []*wire.Envelope{
				{Kind: wire.KindReject, Flags: wire.Reattach, Link: link, Command: id, Code: wire.CodeUnavailable},
				{Kind: wire.KindTerminate, Flags: wire.Reattach | wire.Reconnect, Link: link, Code: wire.EndUnavailable},
			} {
				p.owner.send(n, sent[len(sent)-1].Edge, e)
			}
		}
		ask := func(id uint64) func() (int, string) {
			answer := p.asked(http.MethodPost, postsOf1, "ann", fmt.Sprintf(`{"type":"command","id":%d,"name":"say"}`, id))
			synctest.Wait()
			return answer
		}

		p.owner.mute()
		answer := ask(1)
		p.owner.unmute()
		refuse(1)
		wantAnswer(t, answer, 200, "") // by who is asked again

		p.owner.mute()
		answer = ask(2)
		m.move()
		p.owner.mute()
		synctest.Wait() // and the next owner has it, too
		p.owner.unmute()
		m.lose(bus.ErrNobody)
		m.Cut.Store(true)
		refuse(2)
		wantAnswer(t, answer, 504, "unknown")

		m.Cut.Store(false)
		m.move()
		synctest.Wait()
		p.owner.mute()
		answer = ask(3)
		p.owner.unmute()
		m.lose(bus.ErrNobody)
		m.Cut.Store(true)
		refuse(3)
		wantAnswer(t, answer, 503, "unavailable") // this request has done nothing
	})
}
