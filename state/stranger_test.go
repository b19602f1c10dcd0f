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

// TestExpectationsOfManyAudiences: more audiences than are kept call an entity where nobody is.
func TestExpectationsOfManyAudiences(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		w.call("lobby/1", "ann", "line", `{"Line":"one"}`)
		for i := range 300 {
			role := claims(tutti.Claims{Subject: "ann", Extra: map[string]any{"role": fmt.Sprint("role ", i)}})
			if got := w.call("lobby/1", "ann", "line", `{"Line":"more"}`, role, expecting(uint64(1+i))); !strings.HasPrefix(got, fmt.Sprint(2+i, " ")) {
				t.Fatalf("call %d was answered %s", i, got)
			}
		}
	}, lobbies())
}

// TestStaleSignals has signals that the budget would let through only seconds later: they are lost, and newer ones come.
func TestStaleSignals(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("hall", "1", "ann", "connection-of-ann")
		for i := range 1999 {
			w.attach("hall", "1", "ann", fmt.Sprintf("connection-%07d", i))
		}
		var all []*testLink
		for i := range 15 {
			all = append(all, w.attach("hall", "1", "bob", fmt.Sprintf("of-bob-%010d", i)))
		}
		synctest.Wait()
		a.frames()
		signal := func(l *testLink) {
			data := fmt.Sprintf(`{"at":%d,"pad":"%s"}`, time.Now().UnixMilli(), strings.Repeat("x", 60_000))
			l.send(&wire.Envelope{Kind: wire.KindSignal, Name: "pointer", Data: []byte(data)})
		}
		for _, l := range all {
			signal(l)
		}
		late := func() (came int, most time.Duration) {
			now := time.Now()
			for _, f := range a.frames() {
				var at int64
				if _, rest, ok := strings.Cut(f, `"at":`); ok {
					came++
					_, _ = fmt.Sscan(strings.Split(rest, ",")[0], &at)
					most = max(most, now.Sub(time.UnixMilli(at)))
				}
			}
			return came, most
		}
		total := 0
		for range 600 {
			time.Sleep(100 * time.Millisecond)
			came, most := late()
			if total += came; most > 1200*time.Millisecond {
				t.Fatalf("a signal came after %v", most)
			}
		}
		if total == 0 || total == len(all) {
			t.Errorf("%d of %d signals came, want some", total, len(all))
		}
		signal(all[0])
		time.Sleep(time.Second)
		if came, _ := late(); came != 1 {
			t.Errorf("afterwards %d signals came of one", came)
		}
	}, halls())
}

type fragile struct{ N int }

type broke struct{ How string }

// TestEphemeralEntityBeginsAnew has an entity lose its state to an event that cannot be applied. Those who watch it get
// what it is now, under another epoch.
func TestEphemeralEntityBeginsAnew(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a, b := w.attach("fragile", "1", "ann", conn1), w.attach("fragile", "1", "bob", conn2)
		first := a.welcome()
		b.welcome()
		a.command(1, "broke", `{"How":"well"}`)
		a.command(2, "broke", `{"How":"badly"}`)
		b.command(1, "broke", `{"How":"well"}`)
		synctest.Wait()
		for name, l := range map[string]*testLink{"ann": a, "bob": b} {
			w.mu.Lock()
			epoch, rev, bad := first.Epoch, uint64(0), ""
			for _, e := range l.got {
				switch e.Kind {
				case wire.KindWelcome:
					epoch, rev = e.Epoch, e.Revision
				case wire.KindEvent:
					if e.Revision != rev+1 {
						bad = fmt.Sprintf("event %d after %d", e.Revision, rev)
					}
					rev = e.Revision
				}
			}
			w.mu.Unlock()
			if bad != "" || epoch == first.Epoch || rev != 1 {
				t.Errorf("%s is at %d of epoch %s, which was %s before: %s", name, rev, epoch, first.Epoch, bad)
			}
		}
	}, tutti.NewCategory("fragile",
		tutti.With(tutti.Options{Ephemeral: true}),
		tutti.OnCommand(func(t *tutti.Turn[fragile], c broke) error { t.Emit(shattered(c)); return nil }),
		tutti.OnEvent(func(f *fragile, e shattered) {
			if f.N++; e.How == "badly" {
				panic(e.How)
			}
		}),
	))
}

type shattered struct{ How string }

// TestFreshTokenIsNotLost: a link whose fresh token finds no room is ended, and comes back with it. The entity would else go on
// with what the old one says.
func TestFreshTokenIsNotLost(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		l := w.attach("sum", "1", "ann", conn1)
		l.welcome()
		w.post(wire.KindCall, "sum/1", "ann", naming("wait", `{"MS":1000}`))
		synctest.Wait()
		for range 3 {
			w.post(wire.KindCall, "sum/1", "ann", naming("add", `{"By":1}`))
		}
		fresh := &wire.Envelope{Kind: wire.KindClaims}
		claims(tutti.Claims{Subject: "ann"})(fresh)
		l.send(fresh)
		want(t, l.frames(), `terminate unavailable`)
		time.Sleep(time.Second)
	}, sums(tutti.With(tutti.Options{Mailbox: 2})))
}

// Of signals that wait for the budget an entity keeps the newest, of so many bytes.
func TestSignalsThatWaitAreBounded(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("hall", "1", "ann", "connection-of-ann")
		const many, kept = 100, 20 // and each has 60 KB
		var all []*testLink
		for i := range many {
			all = append(all, w.attach("hall", "1", "bob", fmt.Sprintf("of-bob-%010d", i)))
		}
		synctest.Wait()
		a.frames()
		for i, l := range all {
			data := fmt.Sprintf(`{"at":%d,"pad":"%s"}`, i, strings.Repeat("x", 60_000))
			l.send(&wire.Envelope{Kind: wire.KindSignal, Name: "pointer", Data: []byte(data)})
		}
		time.Sleep(5 * time.Second)
		came := 0
		for _, f := range a.frames() {
			_, rest, ok := strings.Cut(f, `"at":`)
			if !ok {
				continue
			}
			var i int
			_, _ = fmt.Sscan(strings.Split(rest, ",")[0], &i)
			if came++; i > 0 && i < many-kept { // there is room for the first at once
				t.Errorf("signal %d came, want the last %d alone", i, kept)
			}
		}
		if came < 2 {
			t.Errorf("%d signals came, want some", came)
		}
	}, halls())
}
