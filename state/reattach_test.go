package state_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// again is how an edge attaches a link that had been welcomed before, and has everything up to the revision.
func again(epoch string, revision uint64, audience string) func(*wire.Envelope) {
	return func(e *wire.Envelope) {
		e.Flags |= wire.Reattach | wire.HasCursor
		e.Epoch, e.Revision, e.Audience = epoch, revision, audience
	}
}

func made(at int64) func(*wire.Envelope) { return func(e *wire.Envelope) { e.At = at } }

// TestAttachedToTheNextOwner has links attached again after a change of owner: no handler runs, the edge gets the events that were
// stored and that it has not been sent, and who does not come back is gone after the grace period.
func TestAttachedToTheNextOwner(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("lobby", "1", "ann", conn1)
		b := w.attach("lobby", "1", "bob", conn2)
		epoch := a.welcome().Epoch
		b.welcome()
		a.command(1, "line", `{"Line":"one"}`)
		a.command(2, "line", `{"Line":"secret"}`)
		a.command(3, "line", `{"Line":"three"}`)
		a.frames()
		w.restart()

		c := w.attach("lobby", "1", "cid", "connection-0000003")
		if got := c.welcome(); got.Revision != 6 {
			t.Errorf("newcomer is welcomed at %d, want 6", got.Revision)
		}
		c.frames()
		a = w.attach("lobby", "1", "ann", conn1, again(epoch, 2, ""))
		want(t, a.frames(), `event 3 lined {"Line":"one"}`, `event 5 lined {"Line":"three"} prev 3`, `event 6 came {"Who":"cid"}`, `resumed 2 until 6 acked 3`)
		want(t, c.frames(), `event 3 lined {"Line":"one"}`, `event 5 lined {"Line":"three"} prev 3`, `event 6 came {"Who":"cid"}`) // which its edge has
		a.command(3, "line", `{"Line":"three"}`)
		want(t, a.frames(), `ack 3 at 5 `)
		time.Sleep(20 * time.Second)
		want(t, a.frames(), `event 7 gone {"Who":"bob"}`)
	}, lobbies())
}

// TestAttachedAgainTwice attaches a link again at an owner that has it: the old one goes, and nothing else happens.
func TestAttachedAgainTwice(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("lobby", "1", "ann", conn1, made(5))
		epoch := a.welcome().Epoch
		a.frames()
		second := w.attach("lobby", "1", "ann", conn1, again(epoch, 1, ""), made(5))
		want(t, second.frames(), `resumed 1 until 1 acked 0`)
		want(t, a.frames(), `terminate replaced`)
		a.detach(0)
		second.command(1, "line", `{"Line":"x"}`)
		want(t, second.frames(), `event 2 lined {"Line":"x"}`, `ack 1 at 2 `)

		late := w.attach("lobby", "1", "ann", conn1, again(epoch, 1, ""), made(4))
		want(t, late.frames(), `terminate replaced`)
		second.command(2, "line", `{"Line":"y"}`)
		want(t, second.frames(), `event 3 lined {"Line":"y"}`, `ack 2 at 3 `)
	}, lobbies())
}

// TestAttachedAgainByClocksThatDiffer has two links of one client attached again, the earlier one by an edge whose clock is ahead: the one
// that its client has made last stays.
func TestAttachedAgainByClocksThatDiffer(t *testing.T) {
	attempt := func(n uint64) func(*wire.Envelope) { return func(e *wire.Envelope) { e.Command = n } }
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		epoch := w.attach("lobby", "1", "ann", conn1, made(5)).welcome().Epoch
		w.restart()
		first := w.attach("lobby", "1", "ann", conn1, again(epoch, 1, ""), made(9), attempt(7))
		want(t, first.frames(), `resumed 1 until 1 acked 0`)
		second := w.attach("lobby", "1", "ann", conn1, again(epoch, 1, ""), made(5), attempt(8))
		want(t, second.frames(), `resumed 1 until 1 acked 0`)
		want(t, first.frames(), `terminate replaced`)

		late := w.attach("lobby", "1", "ann", conn1, again(epoch, 1, ""), made(9), attempt(7))
		if got := late.frames(); len(got) != 1 || !strings.HasPrefix(got[0], `terminate replaced`) {
			t.Errorf("the earlier link was told %q, want that it is replaced", got)
		}
	}, lobbies())
}

// TestAttachedAgainWhilePollsMove attaches the link of an earlier poll anew, when the same client polls at another edge already: it is told
// to come back, should it ask there once more.
func TestAttachedAgainWhilePollsMove(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		attempt := func(n uint64) func(*wire.Envelope) {
			return func(e *wire.Envelope) { e.Command = n }
		}
		epoch := w.attach("lobby", "1", "ann", conn1, attempt(7), made(5)).welcome().Epoch
		w.attach("lobby", "1", "ann", conn1, attempt(7), made(6), func(e *wire.Envelope) { e.Edge = "e2" })
		old := w.attach("lobby", "1", "ann", conn1, again(epoch, 1, ""), attempt(7), made(5))
		synctest.Wait()
		if got := old.got[len(old.got)-1]; got.Code != wire.EndReplaced || !got.Has(wire.Reconnect) {
			t.Errorf("%q with reconnect %t, want replaced with true", got.Code, got.Has(wire.Reconnect))
		}
	}, lobbies())
}

// TestAttachedAgainOutOfOrder attaches a link again twice, and the first of both comes last, as by way of an owner before: the second stays.
func TestAttachedAgainOutOfOrder(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		epoch := w.attach("lobby", "1", "ann", conn1, made(5)).welcome().Epoch
		first := w.attach("lobby", "1", "ann", conn1, again(epoch, 1, ""), made(5))
		w.restart()
		second := w.attach("lobby", "1", "ann", conn1, again(epoch, 1, ""), made(5))
		second.frames()
		late := &wire.Envelope{Kind: wire.KindAttach, Flags: wire.Watch, Claims: []byte(`{"sub":"ann"}`)}
		again(epoch, 1, "")(late)
		made(5)(late)
		first.pass(late, 1)
		second.command(1, "line", `{"Line":"x"}`)
		want(t, second.frames(), `event 2 lined {"Line":"x"}`, `ack 1 at 2 `)
	}, lobbies())
}

// TestAttachedAgainBehindWhatIsHidden: an edge is told up to where its audience has events, and not of others that it would miss.
func TestAttachedAgainBehindWhatIsHidden(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("lobby", "1", "ann", conn1, made(5))
		epoch := a.welcome().Epoch
		a.command(1, "line", `{"Line":"x"}`)
		a.command(2, "line", `{"Line":"secret"}`)
		want(t, a.frames(), `event 2 lined {"Line":"x"}`, `ack 1 at 2 `, `ack 2 at 3 `)
		a = w.attach("lobby", "1", "ann", conn1, again(epoch, 2, ""), made(5))
		want(t, a.frames(), `resumed 2 until 2 acked 2`)
		w.restart()
		a = w.attach("lobby", "1", "ann", conn1, again(epoch, 2, ""), made(5))
		want(t, a.frames(), `resumed 2 until 2 acked 2`)
	}, lobbies())
}

// TestAttachedAgainTooFarBehind gets a fresh state, and so does a link at an entity whose events have another epoch by now.
func TestAttachedAgainTooFarBehind(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		for _, category := range []string{"lobby", "short"} {
			a := w.attach(category, "1", "ann", conn1)
			epoch := a.welcome().Epoch
			for i := range 4 {
				a.command(uint64(i+1), "line", `{"Line":"x"}`)
			}
			a.frames()
			w.restart()
			a = w.attach(category, "1", "ann", conn1, again(epoch, 1, ""))
			if category == "lobby" {
				continue // far enough
			}
			got := a.welcome()
			if got.Has(wire.Resumed) || !got.Has(wire.Reattach|wire.Known) || string(got.Data) != "4" {
				t.Errorf("%s: welcome with flags %b and state %s, want a fresh one", category, got.Flags, got.Data)
			}
		}
	}, lobbies(), tutti.NewCategory("short",
		tutti.OnCommand(func(t *tutti.Turn[lobby], c line) error { t.Emit(lined(c)); return nil }),
		tutti.OnEvent(func(l *lobby, e lined) { l.Lines = append(l.Lines, e.Line) }),
		tutti.View(func(l *lobby, _ string) any { return len(l.Lines) }),
		tutti.With(tutti.Options{BacklogEvents: 2}),
	))
}

// TestRosterAfterChangeOfOwner has those who come back counted as they were, and the rest gone once they had the time.
func TestRosterAfterChangeOfOwner(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		conns := []string{conn1, conn2, "connection-0000003"}
		var epoch string
		for _, conn := range conns {
			l := w.attach("lobby", "1", conn, conn, withPresence)
			epoch = l.welcome().Epoch
			l.send(&wire.Envelope{Kind: wire.KindPresence, Data: []byte(`"` + conn + `"`)})
		}
		time.Sleep(time.Second)
		w.restart()

		back := func(e *wire.Envelope) {
			again(epoch, 3, "")(e)
			e.Acked, e.Data = 3, []byte(`"`+e.Conn+`"`)
		}
		a := w.attach("lobby", "1", conn1, conn1, withPresence, back)
		time.Sleep(time.Second)
		b := w.attach("lobby", "1", conn2, conn2, withPresence, back)
		time.Sleep(time.Second)
		got := rosters(t, a)
		if len(got) == 0 || slices.ContainsFunc(got, func(p wire.PresenceChange) bool { return p.Count != 3 || len(p.Left) > 0 }) {
			t.Errorf("who is here while others may come back = %+v, want 3 each time and nobody gone", got)
		}
		var joined []string
		for _, p := range got {
			for _, one := range p.Joined {
				joined = append(joined, string(one.Data))
			}
		}
		if all := strings.Join(joined, " "); all != `"`+conn1+`" "`+conn2+`"` {
			t.Errorf("told as joined: %s, want both who came back with what they show", all)
		}
		b.frames()
		time.Sleep(20 * time.Second)
		got = rosters(t, b)
		if len(got) == 0 || got[0].Count != 2 || len(got[0].Joined) != 2 {
			t.Errorf("who is here at last = %+v, want a list of 2", got)
		}
	}, lobbies())
}

// rosters returns the changes of who is here that came for the link.
func rosters(t *testing.T, l *testLink) (all []wire.PresenceChange) {
	t.Helper()
	synctest.Wait()
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	for _, e := range l.got {
		if e.Kind == wire.KindPresenceChange {
			var p wire.PresenceChange
			if err := json.Unmarshal(e.Data, &p); err != nil {
				t.Fatal(err)
			}
			all = append(all, p)
		}
	}
	l.got = nil
	return all
}

// TestShownBesideTheStream tells a connection's stream what it shows when that is posted.
func TestShownBesideTheStream(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("lobby", "1", "ann", conn1)
		a.frames()
		s := w.attach("lobby", "1", "ann", conn1, func(e *wire.Envelope) { e.Flags = wire.Sender })
		s.send(&wire.Envelope{Kind: wire.KindPresence, Data: []byte(`{"x":1}`)})
		synctest.Wait()
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(a.got) != 1 || a.got[0].Kind != wire.KindShows || string(a.got[0].Data) != `{"x":1}` {
			t.Errorf("the stream got %d envelopes, want what the connection shows", len(a.got))
		}
	}, lobbies())
}
