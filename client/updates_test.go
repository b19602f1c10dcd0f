package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/wire"
)

func TestUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{Token: "secret", Presence: true, Conn: "conn-of-the-tests"}, welcome(5, `{"n":1}`))
		if l.path != "/v1/room/a%20b" || l.query.Encode() != "attempt=946684800000&conn=conn-of-the-tests&presence=1" {
			t.Errorf("the client asked for %s?%s", l.path, l.query.Encode())
		}
		if got := l.header.Get("Authorization"); got != "Bearer secret" {
			t.Errorf("Authorization = %q", got)
		}
		if got := c.Member(); got != "m1" {
			t.Errorf("Member = %q, want m1", got)
		}
		l.send(
			event(6), event(6), event(4), // duplicates are dropped
			`{"type":"event","rev":9,"prev":6,"name":"said","data":null,"at":0}`, // 7 and 8 are hidden
			`{"type":"message","name":"typing","data":1,"by":"m2"}`,
			`{"type":"something from a later version"}`,
		)
		l.send(
			`{"type":"presence","count":2,"joined":[{"member":"m2","who":"ann"}]}`,
			`{"type":"presence","count":1,"left":["m2"]}`,
			`{"type":"status","state":"recovering"}`,
			`{"type":"status","state":"serving"}`,
			event(10),
		)
		expect(t, c, `state 5 {"n":1}`, "event 6", "event 9", "message typing", "presence 2 whole=true", "presence 1 whole=false",
			"serving false", "serving true", "event 10")
		if got, want := c.Cursor(), (wire.Cursor{Epoch: "e1", Revision: 10}); got != want {
			t.Errorf("Cursor = %v, want %v", got, want)
		}
	})
}

func TestUpdatesHaveEverythingOfTheirFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(5, `{"n":1}`))
		l.send(event(6), `{"type":"message","name":"typing","data":1,"by":"m2"}`, `{"type":"presence","count":2,"joined":[{"member":"m2","who":"ann","data":3}],"left":["a"],"updated":[]}`)
		want := []client.Update{
			client.State{Revision: 5, Data: json.RawMessage(`{"n":1}`)},
			client.Event{Revision: 6, Name: "said", Data: json.RawMessage("6"), At: time.UnixMilli(1700000000000), By: "m2", Command: 9},
			client.Message{Name: "typing", Data: json.RawMessage("1"), By: "m2"},
			client.Presence{Whole: true, PresenceChange: wire.PresenceChange{
				Count: 2, Joined: []wire.Present{{Member: "m2", Who: json.RawMessage(`"ann"`), Data: json.RawMessage("3")}}, Left: []string{"a"}, Updated: []wire.Present{},
			}},
		}
		for u, err := range c.Updates(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want[0], u); diff != "" {
				t.Errorf("Updates: -want +got\n%s", diff)
			}
			if want = want[1:]; len(want) == 0 {
				break
			}
		}
	})
}

func TestResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(5, "{}"))
		l.send(event(6))
		expect(t, c, "state 5 {}", "event 6")
		l.drop()
		l = s.link()
		if got := l.query.Get("cursor"); got != "e1:6" {
			t.Errorf("cursor = %q, want e1:6", got)
		}
		l.send(resumed(6), event(7))
		expect(t, c, "event 7")
		l.drop()
		s.link().send(welcome(40, `"fresh"`), event(41))
		expect(t, c, `state 40 "fresh"`, "event 41")
	})
}

func TestConfigCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{Cursor: wire.Cursor{Epoch: "e1", Revision: 5}}, resumed(5))
		if got := l.query.Get("cursor"); got != "e1:5" {
			t.Errorf("cursor = %q, want e1:5", got)
		}
		l.send(event(5), event(6))
		expect(t, c, "event 6")
		if got := c.Cursor().String(); got != "e1:6" {
			t.Errorf("Cursor = %s, want e1:6", got)
		}
	})
}

func TestGapMakesTheClientResume(t *testing.T) {
	for _, gap := range []string{event(8), `{"type":"event","rev":9,"prev":7,"name":"said","data":9,"at":0}`} {
		synctest.Test(t, func(t *testing.T) {
			s := newServer(t)
			c, l := s.open(client.Config{}, welcome(5, "{}"))
			l.send(event(6), gap)
			l.closed()
			l = s.link()
			if got := l.query.Get("cursor"); got != "e1:6" {
				t.Errorf("after %s: cursor = %q, want e1:6", gap, got)
			}
			l.send(resumed(6), event(7), event(8))
			expect(t, c, "state 5 {}", "event 6", "event 7", "event 8")
		})
	}
}

func TestConflation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(5, "{}"))
		p, err := c.Start(t.Context(), client.Command{Name: "say"})
		if err != nil {
			t.Fatal(err)
		}
		l.frame()
		l.send(event(6), welcome(900, `"late"`), event(900), event(901))
		expect(t, c, "state 5 {}", "event 6", `state 900 "late"`, "event 901")
		l.send(`{"type":"presence","count":3}`, `{"type":"presence","count":4}`)
		expect(t, c, "presence 3 whole=true", "presence 4 whole=false") // some may have been left out
		expectFrames(t, l)                                              // the link is the same: nothing is sent again
		l.send(ack(1, 901))
		if _, err := outcome(t, p); err != nil {
			t.Errorf("Wait = %v", err)
		}
	})
}

func TestUnreadUpdatesAreReplacedByAState(t *testing.T) {
	for name, config := range map[string]client.Config{"number": {Unread: 10}, "bytes": {UnreadBytes: 1200}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				c, l := s.open(config, welcome(0, "{}"))
				for rev := 1; rev <= 40; rev++ {
					l.send(event(rev))
				}
				p, err := c.Start(t.Context(), client.Command{Name: "say"})
				if err != nil {
					t.Fatal(err)
				}
				l.frame()
				l.send(ack(1, 40))
				if _, err := p.Wait(t.Context()); err != nil {
					t.Errorf("Wait = %v while nobody reads", err)
				}
				time.Sleep(30 * time.Second)
				if len(s.links) > 0 {
					t.Error("the client made another link although nobody reads")
				}
				before := time.Now()
				go func() {
					l := s.link()
					if got := l.query.Get("cursor"); got != "-:0" {
						t.Errorf("cursor = %q, want one of no epoch", got)
					}
					l.send(welcome(50, `"fresh"`), event(51))
				}()
				expect(t, c, `state 50 "fresh"`, "event 51")
				if waited := time.Since(before); waited > 0 {
					t.Errorf("the fresh state came after %v", waited)
				}
			})
		})
	}
}

// TestStateWantedWhileConnecting has the reader come back when the next link has been asked for,
// but not welcomed.
func TestStateWantedWhileConnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{Unread: 2}, welcome(0, "{}"))
		l.send(event(1), event(2), event(3))
		synctest.Wait()
		l.drop()
		l = s.link()
		if got := l.query.Get("cursor"); got != "e1:3" {
			t.Errorf("cursor = %q, want e1:3", got)
		}
		go func() {
			synctest.Wait() // until the reader waits
			l.send(resumed(3), event(4))
			s.link().send(welcome(4, `"fresh"`))
		}()
		expect(t, c, `state 4 "fresh"`)
	})
}

// TestUnreadUpdatesOfASender has nobody read the updates of a client that gets no events: nothing
// is missed, and so nothing needs a new link.
func TestUnreadUpdatesOfASender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{Unread: 3, SendOnly: true}, `{"type":"welcome","member":"m1","epoch":"e1","rev":7,"resumed":false,"acked":0,"known":true,"heartbeat":25000}`)
		if got := l.query.Get("watch"); got != "0" {
			t.Errorf("watch = %q, want 0", got)
		}
		for range 5 {
			l.send(`{"type":"message","name":"old"}`)
		}
		synctest.Wait()
		l.send(`{"type":"message","name":"new"}`)
		for u, err := range c.Updates(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if brief(u) == "message new" {
				break
			}
		}
	})
}

// TestManyUpdates has a reader that is always a little behind, so that the queue moves in its memory.
func TestManyUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{Unread: 100}, welcome(0, "{}"))
		expect(t, c, "state 0 {}")
		for rev := 1; rev <= 500; rev++ {
			l.send(event(rev))
			synctest.Wait()
			if rev > 60 {
				expect(t, c, fmt.Sprintf("event %d", rev-60))
			}
		}
	})
}

func TestUpdatesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, _ := s.open(client.Config{}, welcome(5, "{}"))
		expect(t, c, "state 5 {}")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for u, err := range c.Updates(ctx) {
			if u != nil || !errors.Is(err, context.Canceled) {
				t.Errorf("Updates of a cancelled context = %v, %v", u, err)
			}
		}
		go func() {
			time.Sleep(time.Second)
			_ = c.Close()
		}()
		for range 2 { // the second loop finds it closed
			for u, err := range c.Updates(t.Context()) {
				t.Errorf("Updates of a closed client = %v, %v", u, err)
			}
		}
		if !errors.Is(c.Err(), client.ErrClosed) {
			t.Errorf("Err = %v, want ErrClosed", c.Err())
		}
	})
}
