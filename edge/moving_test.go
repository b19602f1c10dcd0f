package edge_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/wire"
)

// TestOwnerMoves has clients notice nothing of a change of owner: what was stored and not sent comes, what was not answered is
// answered, and neither is there twice.
func TestOwnerMoves(t *testing.T) {
	for name, err := range map[string]error{"told": bus.ErrNobody, "silently": nil} {
		t.Run(name, func(t *testing.T) {
			onMoving(t, nil, func(t *testing.T, p *platform, m *moving, open func(int, string) *fakeClient) {
				a, b := open(1, ""), open(2, "")
				p.owner.publish("room", "1", 1, `"one"`)
				a.want(t, `"one"`)
				rev := uint64(4)
				m.lose(err)
				p.owner.publish("room", "1", 2, `"unsent"`)
				a.say(p, 1, `"two"`)
				if a.kind == socket {
					a.say(p, 2, `"three"`)
					rev = 5
				}
				time.Sleep(300 * time.Millisecond)
				a.want(t)
				m.move()
				answers := []string{`"unsent"`, `"unsent"`, `"two"`, `"ack","id":1,"rev":4`, `"three"`, `"ack","id":2,"rev":5`}
				a.want(t, answers[:2*(rev-2)]...)
				events := []string{`"one"`, `"rev":2,`, `"rev":3,`, `"rev":4,`, `"rev":5,`}
				b.want(t, events[:rev]...)
				p.owner.publish("room", "1", 1, `"last"`)
				b.want(t, fmt.Sprintf(`"rev":%d,`, rev+1))
				if n := p.edge.Stats().Unanswered; n != 0 {
					t.Errorf("%d bytes are kept of what was answered", n)
				}
			})
		})
	}
}

// TestAnswersAreLost has the owner carry out commands, and its answers and events be lost with it.
func TestAnswersAreLost(t *testing.T) {
	onMoving(t, nil, func(t *testing.T, p *platform, m *moving, open func(int, string) *fakeClient) {
		if open(3, "").kind != socket {
			return // posts are another test's
		}
		a := open(1, "")
		p.owner.mute()
		a.say(p, 1, `"once"`)
		a.socket.Send(text(`{"type":"query","id":2,"name":"get","data":7}`))
		synctest.Wait()
		m.move()
		a.want(t, `"once"`, `"ack","id":1,"rev":1`, `"answer","id":2`)
		m.move() // once more, for nothing
		a.want(t)
		if got := p.owner.received(wire.KindCommand); len(got) != 2 {
			t.Errorf("the command was sent %d times, want twice", len(got))
		}
	})
}

// TestNoOwnerForAWhile tells clients after a second, and when there is one again.
func TestNoOwnerForAWhile(t *testing.T) {
	onMoving(t, nil, func(t *testing.T, p *platform, m *moving, open func(int, string) *fakeClient) {
		a := open(1, "")
		m.end(p, conn(1))
		m.lose(bus.ErrNobody)
		time.Sleep(900 * time.Millisecond)
		a.want(t)
		time.Sleep(3 * time.Second)
		a.want(t, `{"type":"status","state":"recovering"}`)
		m.move()
		a.want(t, `{"type":"status","state":"serving"}`)
	})
}

// TestNoOwnerComes ends the links after ten seconds, spread as when a node drains.
func TestNoOwnerComes(t *testing.T) {
	onMoving(t, nil, func(t *testing.T, p *platform, m *moving, open func(int, string) *fakeClient) {
		a := open(1, "")
		m.end(p, conn(1))
		m.lose(bus.ErrNobody)
		time.Sleep(9 * time.Second)
		a.want(t, `"recovering"`)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if a.kind == polls {
			return // nobody polled in the two seconds that the link had for its last frame
		}
		a.want(t, `"terminate","code":"unavailable","message":"the entity's owner is gone","reconnect":true,"after":`)
	})
}

// TestOwnerEndsAlone attaches links anew when their owner says that it ends, or has lost count, though nobody tells of another.
func TestOwnerEndsAlone(t *testing.T) {
	onMoving(t, nil, func(t *testing.T, p *platform, m *moving, open func(int, string) *fakeClient) {
		a := open(1, "")
		m.end(p, conn(1))
		time.Sleep(200 * time.Millisecond)
		p.owner.publish("room", "1", 1, `"seen"`)
		a.want(t, `"seen"`)
		if got := p.owner.received(wire.KindAttach); len(got) != 2 || !got[1].Has(wire.Reattach|wire.HasCursor|wire.Watch) {
			t.Errorf("%d attachments came, want one more", len(got))
		}
	})
}

// TestWelcomeAfterTheEnd has an owner that has lost count say so before it welcomes the link.
func TestWelcomeAfterTheEnd(t *testing.T) {
	onMoving(t, nil, func(t *testing.T, p *platform, m *moving, open func(int, string) *fakeClient) {
		a := open(1, "")
		m.end(p, conn(1), &wire.Envelope{Kind: wire.KindWelcome, Flags: wire.Reattach | wire.Resumed, Epoch: "e1"})
		time.Sleep(200 * time.Millisecond)
		p.owner.publish("room", "1", 1, `"seen"`)
		a.want(t, `"seen"`)
		a.say(p, 1, `"said"`)
		a.want(t, `"said"`, `"ack","id":1,"rev":2`)
	})
}

// end has the owner say to a link that it has ended, and what else it said.
func (m *moving) end(p *platform, conn string, more ...*wire.Envelope) {
	p.owner.mu.Lock()
	defer p.owner.mu.Unlock()
	n := p.owner.entity("room", "1")
	for key, a := range n.links {
		if a.conn == conn {
			delete(n.links, key)
			delete(n.since, a.edge+"/"+a.audience)
			p.owner.send(n, a.edge, &wire.Envelope{
				Kind: wire.KindTerminate, Link: a.link, Code: wire.EndUnavailable, Flags: wire.Reconnect | wire.Reattach,
			})
			for _, e := range more {
				e.Link = a.link
				p.owner.send(n, a.edge, e)
			}
		}
	}
}

// TestAnotherEpoch gives links the fresh state of an entity that has lost what it was.
func TestAnotherEpoch(t *testing.T) {
	onMoving(t, nil, func(t *testing.T, p *platform, m *moving, open func(int, string) *fakeClient) {
		a := open(1, "")
		p.owner.publish("room", "1", 2, `"gone"`)
		a.want(t, `"gone"`, `"gone"`)
		m.lose(nil)
		p.owner.mu.Lock()
		p.owner.epoch, p.owner.entity("room", "1").events = "e2", nil
		p.owner.mu.Unlock()
		m.move()
		a.want(t, `"epoch":"e2","rev":0,"resumed":false`)
		p.owner.publish("room", "1", 1, `"new"`)
		a.want(t, `"rev":1,`)
	})
}

// TestEventLostOnTheWay gives a fresh state to clients whose edge has missed an event.
func TestEventLostOnTheWay(t *testing.T) {
	onMoving(t, nil, func(t *testing.T, p *platform, _ *moving, open func(int, string) *fakeClient) {
		a := open(1, "")
		p.owner.mute()
		p.owner.publish("room", "1", 1, `"lost"`)
		p.owner.mu.Lock()
		p.owner.muted = false
		p.owner.mu.Unlock()
		p.owner.publish("room", "1", 1, `"seen"`)
		a.want(t, `"rev":2,"resumed":false`)
		p.owner.publish("room", "1", 1, `"seen"`)
		a.want(t, `"rev":3,`)
	})
}

// TestLinkIsNotReadWhileThereIsNoRoom keeps what a client sends within its bounds while there is no owner, and loses nothing of it.
func TestLinkIsNotReadWhileThereIsNoRoom(t *testing.T) {
	for name, change := range map[string]func(*edge.Config){
		"bytes":  func(c *edge.Config) { c.Memory.LinkUnanswered = 8 << 10 },
		"frames": func(c *edge.Config) { c.Limits.Unanswered = 19 },
		"all":    func(c *edge.Config) { c.Memory.Unanswered = 8 << 10 },
	} {
		t.Run(name, func(t *testing.T) {
			m := &moving{}
			bubble(t, func(c *edge.Config) { routed(m)(c); change(c) }, func(t *testing.T, p *platform, _ dialer) {
				m.owner, p.owner.ledger = p.owner, true
				synctest.Wait()
				c := &fakeClient{edge: p.edge, conn: conn(1), socket: edge.NewFakeSocket()}
				t.Cleanup(c.socket.Hangup)
				c.socket.Allow(unlimited)
				if err := c.open(t.Context(), ""); err != nil {
					t.Fatal(err)
				}
				c.want(t, `"welcome"`)
				m.lose(bus.ErrNobody)
				const commands = 20
				for i := range commands {
					c.say(p, i+1, `"`+strings.Repeat("x", 1000)+`"`)
				}
				time.Sleep(900 * time.Millisecond)
				synctest.Wait()
				if kept := p.edge.Stats().Unanswered; kept == 0 || kept > 30<<10 || kept > 8<<10 && name != "frames" {
					t.Errorf("%d bytes are kept, want some and no more than may be", kept)
				}
				m.move()
				time.Sleep(5 * time.Second)
				var frames []string
				for _, f := range c.frames(t) {
					if !strings.Contains(f, `"event"`) {
						frames = append(frames, f)
					}
				}
				if all := strings.Join(frames, ""); len(frames) != commands || strings.Count(all, `"ack"`) != commands {
					t.Errorf("answered with %.300s, want %d acknowledgements", all, commands)
				}
			})
		})
	}
}

// TestLinkThatIsNotReadEnds closes the socket of a link that waits for room.
func TestLinkThatIsNotReadEnds(t *testing.T) {
	m := &moving{}
	bubble(t, func(c *edge.Config) { routed(m)(c); c.Limits.Unanswered = 1 }, func(t *testing.T, p *platform, dial dialer) {
		m.owner = p.owner
		c := dial(1, "", "ann")
		synctest.Wait()
		m.lose(bus.ErrNobody)
		write := func(frame string) {
			if _, err := c.conn.Write(text(frame)); err != nil {
				t.Error(err)
			}
		}
		write(`{"type":"command","id":1,"name":"say"}`)
		write(`{"type":"command","id":2,"name":"say"}`)
		time.Sleep(30 * time.Second)
		c.wantEnd(`"code":"unavailable"`, wire.CloseDraining, 10*time.Second, 13*time.Second)
		synctest.Wait()
		if n := p.edge.Stats(); n.Links != 0 || n.Unanswered != 0 {
			t.Errorf("%d links and %d bytes are left", n.Links, n.Unanswered)
		}
	})
}

// TestPresenceAfterAMove has a list of who is here, which the next owner makes, take away whom clients know and it does not.
func TestPresenceAfterAMove(t *testing.T) {
	onMoving(t, nil, func(t *testing.T, p *platform, m *moving, open func(int, string) *fakeClient) {
		if open(2, "").kind == polls {
			return // the fake's polls ask for nothing
		}
		a := open(1, "&presence=1")
		tell := func(flags wire.Flags, data string) {
			p.owner.tell("room", "1", wire.Envelope{Kind: wire.KindPresenceChange, Flags: flags, Data: []byte(data)})
		}
		tell(0, `{"count":3,"joined":[{"member":"x"},{"member":"y","who":1}]}`)
		a.want(t, `"count":3,"joined":`)
		a.socket.Send(text(`{"type":"presence","data":{"at":1}}`))
		synctest.Wait()
		m.move()
		a.want(t)
		again := slices.DeleteFunc(p.owner.received(wire.KindAttach), func(e *wire.Envelope) bool { return !e.Has(wire.Presence) })
		if last := again[len(again)-1]; last.Acked != 3 || a.kind == socket && string(last.Data) != `{"at":1}` {
			t.Errorf("attached again with a count of %d and %s, want 3 and what it shows", last.Acked, last.Data)
		}
		tell(wire.Refresh, `{"count":2,"joined":[{"member":"y","who":2},{"member":"z"}]}`)
		a.want(t, `{"type":"presence","count":2,"left":["x"],"joined":[{"member":"y","who":2},{"member":"z"}]}`)
	})
}

// TestQuestionsWhileOwnersMove asks the next owner what may be asked twice, and says of the rest that its fate is not known.
func TestQuestionsWhileOwnersMove(t *testing.T) {
	m := &moving{}
	bubble(t, routed(m), func(t *testing.T, p *platform, _ dialer) {
		m.owner, p.owner.ledger = p.owner, true
		synctest.Wait()
		ask := func() (call, view, post func() (int, string)) {
			return p.asked(http.MethodPost, commandsOf1, "ann", `{"name":"say"}`), p.asked(http.MethodGet, "/v1/room/1", "ann", ""),
				p.asked(http.MethodPost, postsOf1, "ann", `{"type":"command","id":1,"name":"say"}`+"\n"+`{"type":"ping","t":1}`)
		}
		p.owner.mute()
		call, view, post := ask()
		synctest.Wait()
		began := time.Now()
		m.move()
		wantAnswer(t, view, 200, "")
		wantAnswer(t, post, 200, "")
		if time.Since(began) != 0 {
			t.Error("the next owner was not asked at once")
		}
		wantAnswer(t, call, 504, "unknown")
		if waited := time.Since(began); waited > 2*time.Second {
			t.Errorf("nobody knows what became of a call, which is said after %v", waited)
		}
		if n := len(p.owner.entity("room", "1").events); n != 2 {
			t.Errorf("%d commands were carried out, want 2", n)
		}

		m.lose(bus.ErrNobody)
		call, view, post = ask()
		time.Sleep(5 * time.Second)
		m.move()
		for _, answer := range []func() (int, string){call, view, post} {
			wantAnswer(t, answer, 200, "") // nobody had them before
		}

		m.lose(bus.ErrNobody)
		began = time.Now()
		call, view, post = ask()
		for _, answer := range []func() (int, string){call, view, post} {
			wantAnswer(t, answer, 503, "unavailable")
		}
		if waited := time.Since(began); waited != 10*time.Second {
			t.Errorf("refused after %v, want 10 s", waited)
		}
	})
}

// TestOthersAreReadMeanwhile has a link wait for room over a real connection, and another one of the same poller be read.
func TestOthersAreReadMeanwhile(t *testing.T) {
	both(t, func(t *testing.T, start starter) {
		m := &moving{}
		p := start(t, func(c *edge.Config) { routed(m)(c); c.Workers, c.Limits.Unanswered = 1, 1 })
		m.owner = p.owner
		p.owner.mu.Lock()
		p.owner.ledger = true
		p.owner.mu.Unlock()
		a, b := p.dial(t, "1", 1, "&watch=0", "ann"), p.dial(t, "2", 2, "&watch=0", "bob")
		a.want(`"welcome"`)
		b.want(`"welcome"`)
		m.Lose(bus.Owner("default", wire.Partition("room", "1", partitions)), bus.ErrNobody)
		a.send(`{"type":"command","id":1,"name":"say"}`)
		a.send(`{"type":"command","id":2,"name":"say"}`)
		for i := range 3 {
			b.send(fmt.Sprintf(`{"type":"command","id":%d,"name":"say"}`, i+1))
			b.want(fmt.Sprintf(`"ack","id":%d`, i+1))
		}
		m.move()
		a.want(`"ack","id":1`, `"ack","id":2`)
	})
}
