package state_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// asSender attaches a sender, which sees no events.
func asSender(e *wire.Envelope) { e.Flags = wire.Sender }

func asObserver(e *wire.Envelope) { e.Flags |= wire.Observer }

func TestSenderBesideAStream(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		stream := w.attach("sum", "1", "ann", conn1)
		other := w.attach("sum", "1", "bob", conn2)
		other.frames()
		want(t, stream.frames(), `welcome 0 {"n":0} acked 0`)
		post := w.attach("sum", "1", "ann", conn1, asSender)
		if post.welcome().Member != stream.member() {
			t.Error("the sender is another member")
		}
		post.command(1, "add", `{"By":2}`)
		post.command(2, "add", `{"By":0}`)
		post.command(1, "add", `{"By":2}`)
		post.query(3, "get", `null`)
		post.send(&wire.Envelope{Kind: wire.KindPing, Command: 9, Data: []byte(`"t"`)})
		stream.command(4, "add", `{"By":1}`)
		want(t, post.frames(), `ack 1 at 1 {"n":2}`, `reject 2 invalid`, `ack 1 at 1 {"n":2}`, `answer 3 at 1 {"n":2}`, `pong`)
		want(t, stream.frames(), `event 1 added {"By":2}`, `ack 1 at 1 {"n":2}`, `reject 2 invalid`, `ack 1 at 1 {"n":2}`,
			`answer 3 at 1 {"n":2}`, `pong`, `event 2 added {"By":1}`, `ack 4 at 2 {"n":3}`)
		want(t, other.frames(), `event 1 added {"By":2}`, `event 2 added {"By":1}`)
		newer := w.attach("sum", "1", "ann", conn1, asSender)
		newer.command(5, "peek", `null`)
		want(t, post.frames(), `terminate replaced`)
		want(t, newer.frames(), `welcome 2  acked 4`, `ack 5 at 2 3`)
		want(t, stream.frames(), `ack 5 at 2 3`)
		again := w.attach("sum", "1", "ann", conn1)
		want(t, stream.frames(), `terminate replaced`)
		newer.command(6, "peek", `null`)
		want(t, newer.frames(), `ack 6 at 2 3`)
		want(t, again.frames(), `welcome 2 {"n":3} acked 4`, `ack 6 at 2 3`)
	}, sums())
}

// A client that polls at one edge and then at another is told there to come back, should it come before that one knows.
func TestReplacedByTheSameAttempt(t *testing.T) {
	attempt := func(n uint64) func(*wire.Envelope) {
		return func(e *wire.Envelope) { e.Command = n }
	}
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		for _, test := range []struct {
			before, then uint64
			edge         string
			reconnects   bool
		}{{0, 0, "e2", false}, {3, 3, "e2", true}, {4, 4, edgeName, false}, {4, 5, "e2", false}, {5, 5, "e2", true}, {5, 0, "e2", false}} {
			old := w.attach("sum", "1", "ann", conn1, attempt(test.before))
			old.frames()
			w.attach("sum", "1", "ann", conn1, attempt(test.then), func(e *wire.Envelope) { e.Edge = test.edge })
			synctest.Wait()
			got := old.got[len(old.got)-1]
			if got.Code != wire.EndReplaced || got.Has(wire.Reconnect) != test.reconnects {
				t.Errorf("attempt %d after %d: %q with reconnect %t, want replaced with %t", test.then, test.before, got.Code, got.Has(wire.Reconnect), test.reconnects)
			}
		}
	}, sums())
}

// TestAttemptThatWasGivenUp: the request of a link that its client has given up since replaces none that came after it, however late it comes.
func TestAttemptThatWasGivenUp(t *testing.T) {
	attempt := func(n uint64) func(*wire.Envelope) {
		return func(e *wire.Envelope) { e.Command = n }
	}
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		there := w.attach("sum", "1", "ann", conn1, attempt(5))
		there.frames()
		late := w.attach("sum", "1", "ann", conn1, attempt(4))
		synctest.Wait()
		if got := late.got; len(got) != 1 || got[0].Code != wire.EndReplaced || !got[0].Has(wire.Reconnect) {
			t.Errorf("the late link got %d envelopes, want that it is replaced and may come again", len(got))
		}
		there.command(1, "add", `{"By":2}`)
		want(t, there.frames(), `event 1 added {"By":2}`, `ack 1 at 1 {"n":2}`)
	}, sums())
}

// A sender makes its connection a member, as any link does, and keeps it one for the grace period.
func TestSenderAlone(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("lobby", "1", "ann", conn1)
		a.frames()
		for range 3 {
			post := w.attach("lobby", "1", "bob", conn2, asSender)
			post.command(1, "line", `{"Line":"hi"}`)
			post.welcome()
			post.detach(0)
			time.Sleep(5 * time.Second)
		}
		want(t, a.frames(), `event 2 came {"Who":"bob"}`, `event 3 lined {"Line":"hi"}`)
		time.Sleep(10 * time.Second)
		want(t, a.frames(), `event 4 gone {"Who":"bob"}`)
		post := w.attach("lobby", "1", "mal", conn1, asSender)
		want(t, post.frames(), `terminate refused`)
	}, lobbies())
}

func TestSenderLeaves(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a, b := w.attach("lobby", "1", "ann", conn1), w.attach("lobby", "1", "bob", conn2)
		b.frames()
		a.frames()
		post := w.attach("lobby", "1", "bob", conn2, asSender)
		post.command(1, "line", `{"Line":"bye"}`)
		post.detach(wire.Leave)
		want(t, b.frames(), `event 3 lined {"Line":"bye"}`, `ack 1 at 3 `, `terminate left`, `event 4 gone {"Who":"bob"}`) // to its edge, which has the other's link
		want(t, a.frames(), `event 3 lined {"Line":"bye"}`, `event 4 gone {"Who":"bob"}`)
		stream, again := w.attach("lobby", "1", "bob", conn2), w.attach("lobby", "1", "bob", conn2, asSender)
		stream.frames()
		stream.detach(wire.Leave)
		want(t, again.frames(), `welcome 5  acked 1`, `terminate left`)
	}, lobbies())
}

// What is sent beside a stream is sent with the claims of its own token, and a fresh token is the stream's as well.
func TestSenderHasItsToken(t *testing.T) {
	roles := sums(tutti.OnCommand(func(t *tutti.Turn[sum], c echo) error {
		t.Reply(t.Claims().String("role"))
		return nil
	}))
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		as := func(role string) func(*wire.Envelope) {
			return claims(tutti.Claims{Subject: "ann", Extra: map[string]any{"role": role}})
		}
		stream := w.attach("sum", "1", "ann", conn1, as("one"))
		post := w.attach("sum", "1", "ann", conn1, as("two"), asSender)
		post.command(1, "echo", `null`)
		stream.command(2, "echo", `null`)
		post.welcome()
		want(t, post.frames(), `ack 1 at 0 "two"`)
		want(t, stream.frames(), `welcome 0 {"n":0} acked 0`, `ack 1 at 0 "two"`, `ack 2 at 0 "one"`)
		fresh := &wire.Envelope{Kind: wire.KindClaims}
		as("three")(fresh)
		post.send(fresh)
		post.command(3, "echo", `null`)
		stream.command(4, "echo", `null`)
		want(t, post.frames(), `ack 3 at 0 "three"`)
		want(t, stream.frames(), `expires {"role":"three","sub":"ann"}`, `ack 3 at 0 "three"`, `ack 4 at 0 "three"`)
	}, roles)
}

func TestObserverIsNobody(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("lobby", "1", "ann", conn1, withPresence)
		a.frames()
		o := w.attach("lobby", "1", "bob", "", asObserver)
		p := w.attach("lobby", "1", "bob", "", asObserver)
		time.Sleep(time.Second)
		want(t, a.frames())
		o.command(1, "line", `{"Line":"hi"}`)
		o.send(&wire.Envelope{Kind: wire.KindSignal, Name: "typing", Data: []byte(`1`)})
		o.send(&wire.Envelope{Kind: wire.KindPresence, Data: []byte(`1`)})
		want(t, o.frames(), `welcome 1 1 acked 0`, `reject 1 forbidden`)
		a.command(1, "line", `{"Line":"hi"}`)
		want(t, a.frames(), `event 2 lined {"Line":"hi"}`, `ack 1 at 2 `)
		want(t, o.frames(), `event 2 lined {"Line":"hi"}`)
		want(t, p.frames(), `welcome 1 1 acked 0`, `event 2 lined {"Line":"hi"}`)
		o.detach(0)
		p.detach(wire.Leave)
		time.Sleep(time.Minute)
		want(t, a.frames())
	}, lobbies())
}

// Observers of an ephemeral entity keep it in memory, and no longer.
func TestObserverOfAnEphemeralEntity(t *testing.T) {
	inWorld(t, state.Config{MemoryBudget: 1}, func(t *testing.T, w *world) {
		o := w.attach("sum", "1", "bob", "", asObserver)
		w.call("sum/1", "ann", "add", `{"By":2}`)
		asleep()
		want(t, o.frames(), `welcome 0 {"n":0} acked 0`, `event 1 added {"By":2}`)
		says(t, w.look("sum/1", "ann"), `1 {"n":2}`)
		o.detach(0)
		asleep()
		says(t, w.look("sum/1", "ann"), `0 {"n":0}`)
	}, sums(tutti.With(tutti.Options{Ephemeral: true})))
}
