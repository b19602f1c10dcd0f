package state_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// timed is a lobby whose connections have a minute to do something.
func timed(o tutti.Options) *tutti.Category {
	o.SessionTimeout = time.Minute
	return lobbies(tutti.With(o))
}

func TestSessionTimeout(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("lobby", "1", "ann", conn1)
		b := w.attach("lobby", "1", "bob", conn2)
		a.frames()
		b.frames()
		for range 2 { // neither is anything that others could see
			time.Sleep(29 * time.Second)
			b.send(&wire.Envelope{Kind: wire.KindPing})
			b.send(&wire.Envelope{Kind: wire.KindClaims, Claims: []byte(`{"sub":"bob"}`)})
			a.query(1, "none", "null")
			a.frames()
		}
		b.frames()
		time.Sleep(3 * time.Second)
		want(t, b.frames()[:1], `terminate session_timeout`)
		want(t, a.frames(), `event 3 gone {"Who":"bob"}`)

		time.Sleep(time.Hour) // as for everybody else
		want(t, a.frames()[:1], `terminate session_timeout`)
		a = w.attach("lobby", "1", "ann", conn1)
		want(t, a.frames(), `welcome 5 5 acked 0`) // came ann, came bob, gone bob, gone ann, came ann
		time.Sleep(59 * time.Second)
		want(t, a.frames())
		time.Sleep(2 * time.Second)
		want(t, a.frames(), `terminate session_timeout`)
	}, timed(tutti.Options{}))
}

func TestWhatIsDoneInASession(t *testing.T) {
	for name, do := range map[string]func(l *testLink, id uint64){
		"command":  func(l *testLink, id uint64) { l.command(id, "line", `{"Line":"x"}`) },
		"rejected": func(l *testLink, id uint64) { l.command(id, "line", `{"Line":""}`) },
		"query":    func(l *testLink, id uint64) { l.query(id, "none", "null") },
		"signal":   func(l *testLink, _ uint64) { l.send(&wire.Envelope{Kind: wire.KindSignal, Name: "typing"}) },
		"presence": func(l *testLink, _ uint64) { l.send(&wire.Envelope{Kind: wire.KindPresence, Data: []byte("1")}) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, state.Config{}, func(t *testing.T, w *world) {
				a := w.attach("lobby", "1", "ann", conn1)
				for i := range 10 {
					time.Sleep(59 * time.Second)
					do(a, uint64(i+1))
				}
				for _, f := range a.frames() {
					if f == `terminate session_timeout` {
						t.Fatalf("ended though it did something every 59 s")
					}
				}
				time.Sleep(61 * time.Second)
				want(t, a.frames(), `terminate session_timeout`)
			}, timed(tutti.Options{}))
		})
	}
}

// Links come and go, and the connection does nothing.
func TestSessionTimeoutAcrossLinks(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		watcher := w.attach("lobby", "1", "ann", conn1)
		watcher.frames()
		var b *testLink
		for range 3 {
			b = w.attach("lobby", "1", "bob", conn2)
			time.Sleep(9 * time.Second)
			b.detach(0)
			time.Sleep(9 * time.Second)
		} // 54 s
		watcher.command(1, "none", "null")
		watcher.frames()
		b = w.attach("lobby", "1", "bob", conn2)
		b.frames()
		time.Sleep(4 * time.Second)
		c := w.attach("lobby", "1", "bob", conn2) // replaces b
		want(t, b.frames(), `terminate replaced`)
		want(t, c.frames(), `welcome 2 2 acked 0`)
		time.Sleep(3 * time.Second)
		want(t, c.frames()[:1], `terminate session_timeout`)
		want(t, watcher.frames(), `event 3 gone {"Who":"bob"}`)
	}, timed(tutti.Options{}))
}

// A connection without a link is over with its session, however long the grace period.
func TestSessionTimeoutWithinGrace(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("lobby", "1", "ann", conn1)
		b := w.attach("lobby", "1", "bob", conn2)
		b.detach(0)
		time.Sleep(30 * time.Second)
		a.command(1, "none", "null")
		a.frames()
		time.Sleep(31 * time.Second)
		want(t, a.frames(), `event 3 gone {"Who":"bob"}`)
	}, timed(tutti.Options{Grace: time.Hour}))
}

func TestSessionTimeoutSurvivesPassivation(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("lobby", "1", "ann", conn1)
		time.Sleep(50 * time.Second)
		if w.node.Stats().Passivations == 0 {
			t.Fatal("the entity is still in memory")
		}
		a.frames()
		time.Sleep(11 * time.Second)
		want(t, a.frames(), `terminate session_timeout`)
		b := w.attach("lobby", "1", "bob", conn2)
		want(t, b.frames(), `welcome 3 3 acked 0`) // came ann, gone ann, came bob
	}, timed(tutti.Options{Idle: time.Second}))
}

// Without handlers for coming and going nothing of it is in the journal, and it works alike.
func TestSessionTimeoutWithoutHandlers(t *testing.T) {
	type nothing struct{}
	quiet := tutti.NewCategory("quiet",
		tutti.OnCommand(func(*tutti.Turn[nothing], line) error { return nil }),
		tutti.With(tutti.Options{SessionTimeout: time.Minute, Idle: time.Second}),
		tutti.Who(func(c turn.Claims) any { return c.Subject }),
	)
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		b := w.attach("quiet", "1", "bob", conn2)
		time.Sleep(30 * time.Second)
		a := w.attach("quiet", "1", "ann", conn1, withPresence)
		time.Sleep(time.Second)
		a.frames()
		b.frames()
		time.Sleep(30 * time.Second)
		want(t, b.frames()[:1], `terminate session_timeout`)
		want(t, a.frames(), `presence`)
		time.Sleep(30 * time.Second)
		want(t, a.frames()[:1], `terminate session_timeout`)
		if n := w.node.Stats().Entities; n != 0 {
			t.Errorf("%d entities are in memory after everybody has left, want none", n)
		}
	}, quiet)
}

// However many connections end at the same time, others at the entity do not wait for all of them.
func TestManyEndAtOnce(t *testing.T) {
	for name, options := range map[string]tutti.Options{"idle": {SessionTimeout: time.Minute}, "away": {Grace: time.Minute}} {
		t.Run(name, func(t *testing.T) {
			type nothing struct{}
			var mu sync.Mutex
			var done []string
			var ask func()
			note := func(what string) {
				mu.Lock()
				defer mu.Unlock()
				if done = append(done, what); len(done) == 1 {
					ask()
				}
			}
			halls := tutti.NewCategory("hall", tutti.With(options),
				tutti.OnDisconnect(func(*tutti.Turn[nothing]) error {
					note("gone")
					return nil
				}),
				tutti.OnCommand(func(*tutti.Turn[nothing], line) error {
					note("asked")
					return nil
				}),
			)
			inWorld(t, state.Config{}, func(t *testing.T, w *world) {
				const many = 1000
				for i := range many {
					l := w.attach("hall", "1", "bob", fmt.Sprintf("connection-%06d", i))
					if name == "away" {
						l.frames()
						l.detach(0)
					}
				}
				time.Sleep(30 * time.Second)
				a := w.attach("hall", "1", "ann", conn1)
				a.frames()
				mu.Lock()
				ask = func() { a.command(1, "line", `{"Line":"x"}`) }
				mu.Unlock()
				time.Sleep(31 * time.Second)
				a.frames()
				mu.Lock()
				defer mu.Unlock()
				if at := slices.Index(done, "asked"); at < 0 || at > many/2 || len(done) != many+1 {
					t.Errorf("a command was taken after %d ends, and %d were in all, want it after some and %d", at, len(done)-1, many)
				}
			}, halls)
		})
	}
}
