package state_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

type lobby struct{ Lines []string }

type (
	came  struct{ Who string }
	gone  struct{ Who string }
	tellC struct{ To, Line string }
	line  struct{ Line string }
	lined struct{ Line string }
	hush  struct{ Line string }
	kick  struct{ Member string }
)

func lobbies(more ...tutti.Declaration) *tutti.Category {
	return tutti.NewCategory("lobby", append([]tutti.Declaration{
		tutti.OnConnect(func(t *tutti.Turn[lobby]) error {
			if t.Claims().Subject == "eve" {
				return tutti.Reject("banned", "not you")
			}
			t.Emit(came{t.Claims().Subject})
			return nil
		}),
		tutti.OnDisconnect(func(t *tutti.Turn[lobby]) error {
			t.Emit(gone{t.Claims().Subject})
			return nil
		}),
		tutti.OnCommand(func(t *tutti.Turn[lobby], c tellC) error {
			t.Tell(tutti.Entity{Category: "lobby", ID: c.To}, line{c.Line})
			t.Emit(lined{"told " + c.To})
			return nil
		}, tutti.Name("tell")),
		tutti.OnCommand(func(t *tutti.Turn[lobby], c line) error {
			if c.Line == "" {
				return tutti.Reject("invalid", "empty")
			}
			if strings.HasPrefix(c.Line, "secret") {
				t.Emit(hush(c))
				return nil
			}
			t.Emit(lined(c))
			return nil
		}),
		tutti.OnCommand(func(t *tutti.Turn[lobby], c kick) error {
			for _, m := range t.Members() {
				if m.ID != t.Member() {
					t.Terminate(m.ID, "kicked", "out")
				}
			}
			return nil
		}),
		tutti.OnEvent(func(l *lobby, e came) { l.Lines = append(l.Lines, "+"+e.Who) }),
		tutti.OnEvent(func(l *lobby, e gone) { l.Lines = append(l.Lines, "-"+e.Who) }),
		tutti.OnEvent(func(l *lobby, e lined) { l.Lines = append(l.Lines, e.Line) }),
		tutti.OnEvent(func(l *lobby, e hush) { l.Lines = append(l.Lines, e.Line) }),
		tutti.ViewEvent(func(e hush, audience string) (any, bool) { return e, audience == "staff" }),
		tutti.Audience(func(c tutti.Claims) string { return c.String("role") }),
		tutti.View(func(l *lobby, audience string) any { return len(l.Lines) }),
		tutti.Who(func(c tutti.Claims) any { return c.Subject }),
		tutti.Relay("typing"),
	}, more...)...)
}

func TestConnectGraceDisconnect(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("lobby", "1", "ann", conn1)
		want(t, a.frames(), `welcome 1 1 acked 0`)
		b := w.attach("lobby", "1", "bob", conn2)
		want(t, b.frames(), `welcome 2 2 acked 0`)
		want(t, a.frames(), `event 2 came {"Who":"bob"}`)
		want(t, w.attach("lobby", "1", "eve", "connection-0000003").frames(), `terminate banned`)

		b.detach(0)
		time.Sleep(9 * time.Second)
		b = w.attach("lobby", "1", "bob", conn2)
		want(t, b.frames(), `welcome 2 2 acked 0`)
		b.detach(0)
		time.Sleep(9 * time.Second)
		want(t, a.frames())
		time.Sleep(2 * time.Second)
		want(t, a.frames(), `event 3 gone {"Who":"bob"}`)

		b = w.attach("lobby", "1", "bob", conn2)
		b.detach(wire.Leave)
		want(t, a.frames(), `event 4 came {"Who":"bob"}`, `event 5 gone {"Who":"bob"}`)

		b = w.attach("lobby", "1", "bob", conn2)
		b.frames()
		w.restart() // nobody comes back
		time.Sleep(11 * time.Second)
		a = w.attach("lobby", "1", "ann", conn1)
		a.query(1, "none", "null")
		if got := a.frames()[0]; got != `welcome 9 9 acked 0` { // came bob, gone ann, gone bob, came ann
			t.Errorf("after the restart: %s", got)
		}
	}, lobbies())
}

func TestReplacedAndForeign(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("lobby", "1", "ann", conn1)
		a.frames()
		again := w.attach("lobby", "1", "ann", conn1)
		want(t, again.frames(), `welcome 1 1 acked 0`)
		want(t, a.frames(), `terminate replaced`)
		a.command(1, "line", `{"Line":"too late"}`)
		a.detach(0) // the old link's end ends nothing
		time.Sleep(time.Minute)
		other := w.attach("lobby", "1", "bob", conn1)
		synctest.Wait()
		if len(other.got) != 1 || !other.got[0].Has(wire.Foreign) {
			t.Errorf("another subject's attach got %q, want a foreign terminate", other.frames())
		}
		again.command(1, "line", `{"Line":"x"}`)
		again.command(2, "kick", `{}`)
		want(t, again.frames(), `event 2 lined {"Line":"x"}`, `ack 1 at 2 `, `ack 2 at 2 `)
	}, lobbies())
}

func TestTerminateMember(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("lobby", "1", "ann", conn1)
		b := w.attach("lobby", "1", "bob", conn2)
		b.frames()
		a.command(1, "kick", `{}`)
		want(t, b.frames(), `terminate kicked`)
	}, lobbies())
}

func TestHiddenEventsKeepContinuity(t *testing.T) {
	staff := claims(tutti.Claims{Subject: "sue", Extra: map[string]any{"role": "staff"}})
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("lobby", "1", "ann", conn1)
		s := w.attach("lobby", "1", "sue", conn2, staff)
		wa := a.welcome()
		ws := s.welcome()
		if wa.Epoch == ws.Epoch {
			t.Error("two audiences have the same epoch")
		}
		for i, text := range []string{"a", "secret b", "secret c", "d"} {
			a.command(uint64(i+1), "line", fmt.Sprintf(`{"Line":%q}`, text))
		}
		synctest.Wait()
		a.send(&wire.Envelope{Kind: wire.KindCommand, Flags: wire.HasExpect, Command: 5, Expect: 6, Name: "line", Data: []byte(`{"Line":"secret e"}`)})
		a.send(&wire.Envelope{Kind: wire.KindCommand, Flags: wire.HasExpect, Command: 6, Expect: 6, Name: "line", Data: []byte(`{"Line":"f"}`)})
		visible := func(frames []string) (out []string) {
			for _, f := range frames {
				if strings.HasPrefix(f, "event") && !strings.Contains(f, "came") {
					out = append(out, strings.ReplaceAll(f, `"Line":`, ""))
				}
			}
			return out
		}
		synctest.Wait()
		// The fake edge mixes audiences; what is sent to each is told by Audience.
		w.mu.Lock()
		var forPublic, forStaff []string
		for _, e := range a.got {
			if e.Kind == wire.KindEvent && e.Audience == "" {
				forPublic = append(forPublic, brief(e))
			} else if e.Kind == wire.KindEvent {
				forStaff = append(forStaff, brief(e))
			}
		}
		w.mu.Unlock()
		want(t, visible(forPublic), `event 3 lined {"a"}`, `event 6 lined {"d"} prev 3`, `event 8 lined {"f"} prev 6`)
		want(t, visible(forStaff), `event 3 lined {"a"}`, `event 4 hush {"secret b"}`, `event 5 hush {"secret c"}`,
			`event 6 lined {"d"}`, `event 7 hush {"secret e"}`, `event 8 lined {"f"}`)

		a.frames()
		a.send(&wire.Envelope{Kind: wire.KindBacklog, Audience: "", Revision: 2, Until: 8})
		want(t, a.frames(), `backlog 3:lined{"Line":"a"} 6:lined{"Line":"d"}(prev 3) 8:lined{"Line":"f"}(prev 6) up to 8 far false more false`)

		w.restart()
		a = w.attach("lobby", "1", "ann", conn1, cursor(wa.Epoch, 8))
		a.command(7, "line", `{"Line":"secret g"}`)
		a.command(8, "line", `{"Line":"h"}`)
		want(t, a.frames(), `resumed 8 until 8 acked 6`, `ack 7 at 9 `, `event 10 lined {"Line":"h"} prev 8`, `ack 8 at 10 `)
	}, lobbies())
}

func TestBacklogTooFar(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1)
		epoch := a.welcome().Epoch
		for i := range 20 {
			a.command(uint64(i+1), "add", `{"By":1}`)
		}
		a.frames()
		a.send(&wire.Envelope{Kind: wire.KindBacklog, Revision: 12, Until: 20})
		want(t, a.frames(), `backlog 13:added{"By":1} 14:added{"By":1} 15:added{"By":1} 16:added{"By":1} 17:added{"By":1} 18:added{"By":1} 19:added{"By":1} 20:added{"By":1} up to 20 far false more false`)
		a.send(&wire.Envelope{Kind: wire.KindBacklog, Revision: 2, Until: 20})
		want(t, a.frames(), `backlog up to 20 far true more false`)
		a.send(&wire.Envelope{Kind: wire.KindRefresh})
		want(t, a.frames(), `welcome 20 {"n":20} acked 20`)
		want(t, w.attach("sum", "1", "bob", conn2, cursor(epoch, 2)).frames(), `welcome 20 {"n":20} acked 0`)
		want(t, w.attach("sum", "1", "bob", conn2, cursor(epoch, 21)).frames(), `welcome 20 {"n":20} acked 0`)
		want(t, w.attach("sum", "1", "bob", conn2, cursor("another", 20)).frames(), `welcome 20 {"n":20} acked 0`)
		want(t, w.attach("sum", "1", "bob", conn2, cursor(epoch, 15)).frames(), `resumed 15 until 20 acked 0`)
		want(t, w.attach("sum", "1", "bob", conn2, noWatch).frames(), `welcome 20  acked 0`)
	}, sums(tutti.With(tutti.Options{BacklogEvents: 10})))
}

func TestTellOnceAcrossCrashes(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("lobby", "1", "ann", conn1)
		for i := range 5 {
			a.command(uint64(i+1), "tell", fmt.Sprintf(`{"To":"x","Line":"%d"}`, i))
		}
		a.command(6, "tell", `{"To":"x","Line":""}`) // the receiver rejects it
		a.command(7, "tell", `{"To":"x","Line":"last"}`)
		a.frames()
		x := w.attach("lobby", "x", "bob", conn2)
		want(t, x.frames(), `welcome 7 7 acked 0`)
		w.restart()
		time.Sleep(time.Minute)
		x = w.attach("lobby", "x", "bob", conn2)
		want(t, x.frames(), `welcome 9 9 acked 0`) // gone bob, came bob; nothing was told again
	}, lobbies())
}

func TestPresence(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("lobby", "1", "ann", conn1, withPresence)
		a.welcome()
		b := w.attach("lobby", "1", "bob", conn2)
		b.send(&wire.Envelope{Kind: wire.KindPresence, Data: []byte(`{"at":3}`)})
		b.send(&wire.Envelope{Kind: wire.KindSignal, Name: "typing", Data: []byte(`1`)})
		b.send(&wire.Envelope{Kind: wire.KindSignal, Name: "unknown", Data: []byte(`1`)})
		time.Sleep(time.Second)
		w.mu.Lock()
		var got []string
		for _, e := range a.got {
			switch e.Kind {
			case wire.KindPresenceChange:
				got = append(got, strings.NewReplacer(a.welcomed, "A", b.member(), "B").Replace(string(e.Data)))
			case wire.KindMessage:
				got = append(got, brief(e))
			}
		}
		a.got = nil
		w.mu.Unlock()
		if len(got) != 3 || got[0] != `{"count":1,"joined":[{"member":"A","who":"ann"}]}` || got[1] != `message typing 1` ||
			!strings.Contains(got[2], `{"member":"B","who":"bob","data":{"at":3}}`) || !strings.HasPrefix(got[2], `{"count":2,`) {
			t.Errorf("presence and messages: %q", got)
		}
		a.send(&wire.Envelope{Kind: wire.KindRefresh}) // what a link has missed may have been presence
		synctest.Wait()
		w.mu.Lock()
		if len(a.got) != 2 || a.got[0].Kind != wire.KindWelcome || a.got[1].Kind != wire.KindPresenceChange ||
			!strings.HasPrefix(string(a.got[1].Data), `{"count":2,"joined":[`) {
			t.Errorf("after a refresh: %d envelopes, want a welcome and the members", len(a.got))
		}
		a.got = nil
		w.mu.Unlock()
		b.detach(wire.Leave)
		time.Sleep(time.Second)
		w.mu.Lock()
		defer w.mu.Unlock()
		last := a.got[len(a.got)-1]
		if last.Kind != wire.KindPresenceChange || !strings.HasPrefix(string(last.Data), `{"count":1,"left":["`) {
			t.Errorf("after bob left: %s %s", brief(last), last.Data)
		}
	}, lobbies())
}

// TestPresenceOfALargeEntity has a welcome that is made outside of turns: who is here comes after it.
func TestPresenceOfALargeEntity(t *testing.T) {
	big := tutti.NewCategory("blob",
		tutti.OnCommand(func(t *tutti.Turn[blob], c line) error { t.Emit(lined(c)); return nil }),
		tutti.OnEvent(func(b *blob, e lined) { b.Text += e.Line }),
		tutti.With(tutti.Options{SnapshotEvents: 3}),
	)
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("blob", "1", "ann", conn1, noWatch)
		for i := range 6 {
			a.command(uint64(i+1), "line", `{"Line":"`+strings.Repeat("x", 60_000)+`"}`)
		}
		a.frames()
		b := w.attach("blob", "1", "bob", conn2, withPresence)
		synctest.Wait()
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(b.got) != 2 || b.got[0].Kind != wire.KindWelcome || b.got[1].Kind != wire.KindPresenceChange {
			t.Errorf("%d envelopes, want a welcome and the members", len(b.got))
		}
	}, big)
}

type oldLined struct{ Text string }

func TestUpcastAndUnknownEvents(t *testing.T) {
	before := tutti.NewCategory("lobby",
		tutti.OnCommand(func(t *tutti.Turn[lobby], c line) error {
			if c.Line == "poison" {
				t.Emit(hush(c))
			} else {
				t.Emit(oldLined{c.Line})
			}
			return nil
		}),
		tutti.OnEvent(func(l *lobby, e oldLined) { l.Lines = append(l.Lines, e.Text) }, tutti.Name("spoken")),
		tutti.OnEvent(func(l *lobby, e hush) {}, tutti.Name("strange")),
	)
	after := tutti.NewCategory("lobby",
		tutti.OnEvent(func(l *lobby, e lined) { l.Lines = append(l.Lines, e.Line) }),
		tutti.Upcast(func(o oldLined) lined { return lined{"up " + o.Text} }, tutti.Name("spoken")),
	)
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("lobby", "1", "ann", conn1)
		a.command(1, "line", `{"Line":"x"}`)
		a.command(2, "line", `{"Line":"y"}`)
		b := w.attach("lobby", "2", "ann", conn1)
		b.command(1, "line", `{"Line":"fine"}`)
		b.command(2, "line", `{"Line":"poison"}`)
		a.frames()
		b.frames()
		w.categories = []*tutti.Category{after}
		w.restart()
		a = w.attach("lobby", "1", "ann", conn1)
		want(t, a.frames(), `welcome 2 {"Lines":["up x","up y"]} acked 2`)
		a.send(&wire.Envelope{Kind: wire.KindBacklog, Until: 2})
		want(t, a.frames(), `backlog 1:lined{"Line":"up x"} 2:lined{"Line":"up y"} up to 2 far false more false`)
		b = w.attach("lobby", "2", "ann", conn1)
		want(t, b.frames(), `terminate unavailable`)
		if log := w.logs.all(); !strings.Contains(log, "lobby/2") || !strings.Contains(log, "strange") || !strings.Contains(log, "revision 2") {
			t.Errorf("log does not name entity, event and revision: %s", log)
		}
	}, before)
}

func TestEphemeral(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1)
		a.command(1, "add", `{"By":1}`)
		a.command(1, "add", `{"By":1}`)
		first := a.welcome().Epoch
		want(t, a.frames(), `event 1 added {"By":1}`, `ack 1 at 1 {"n":1}`, `ack 1 at 1 {"n":1}`)
		a.detach(wire.Leave)
		time.Sleep(time.Hour)
		a = w.attach("sum", "1", "ann", conn1, cursor(first, 1))
		e := a.welcome()
		if e.Epoch == first || e.Has(wire.Known) || e.Has(wire.Resumed) || string(e.Data) != `{"n":0}` {
			t.Errorf("a new activation welcomed with %s in epoch %s (before: %s)", brief(e), e.Epoch, first)
		}
		w.shutdown()
		if there, _ := w.journal.Partitions(t.Context()); len(there) != 4 {
			t.Errorf("partitions %v", there)
		}
		w.start()
	}, sums(tutti.With(tutti.Options{Ephemeral: true})))
}
