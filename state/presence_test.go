package state_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// roster is who is here as one client knows it: member to what it shows.
type roster struct {
	listed bool // the list after the welcome has come
	count  int
	shown  map[string]string
}

// read takes what came for a link and returns how many bytes and frames of presence that was.
func (r *roster) read(t rapid.TB, l *testLink) (bytes, frames int) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	for _, e := range l.got {
		switch {
		case e.Kind == wire.KindWelcome:
			*r = roster{}
			l.welcomed = e.Member
		case e.Kind != wire.KindPresenceChange:
		case e.Link == 0 && !r.listed: // an edge gives that to nobody without a place in a ring
		default:
			bytes += len(e.Data)
			frames++
			r.apply(t, e.Data)
		}
	}
	l.got = nil
	return bytes, frames
}

// skim does what read does, and of a link that is not worth more it looks at the counts alone.
func (r *roster) skim(t rapid.TB, l *testLink, whole bool) (bytes, frames int) {
	if whole {
		return r.read(t, l)
	}
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	for _, e := range l.got {
		switch e.Kind {
		case wire.KindWelcome:
			l.welcomed = e.Member
		case wire.KindPresenceChange:
			bytes += len(e.Data)
			frames++
			if _, err := fmt.Sscanf(string(e.Data[:min(20, len(e.Data))]), `{"count":%d`, &r.count); err != nil {
				t.Fatalf("presence frame %.40s: %v", e.Data, err)
			}
		}
	}
	l.got = nil
	return bytes, frames
}

func (r *roster) apply(t rapid.TB, data []byte) {
	var frame wire.PresenceChange
	if err := json.Unmarshal(data, &frame); err != nil {
		t.Fatalf("presence frame %s: %v", data, err)
	}
	if !r.listed {
		r.listed, r.shown = true, make(map[string]string)
	}
	r.count = frame.Count
	for _, id := range frame.Left {
		delete(r.shown, id)
	}
	for _, m := range append(frame.Joined, frame.Updated...) {
		r.shown[m.Member] = string(m.Who) + string(m.Data)
	}
}

func halls(more ...tutti.Declaration) *tutti.Category {
	return tutti.NewCategory("hall", append([]tutti.Declaration{
		tutti.OnCommand(func(t *tutti.Turn[lobby], c line) error { t.Emit(lined(c)); return nil }),
		tutti.OnEvent(func(l *lobby, e lined) { l.Lines = append(l.Lines, e.Line) }),
		tutti.Who(func(c tutti.Claims) any { return c.Subject }),
		tutti.Relay("pointer"),
	}, more...)...)
}

// TestRosterMovesUp has the first of many leave: the next one is told as one who joined.
func TestRosterMovesUp(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		first := w.attach("hall", "1", "first", "connection-first")
		a := w.attach("hall", "1", "ann", "connection-of-ann", withPresence)
		for i := range 250 {
			w.attach("hall", "1", fmt.Sprintf("sub%d", i), fmt.Sprintf("connection-%07d", i))
		}
		time.Sleep(time.Second)
		var r roster
		r.read(t, a)
		if r.count != 252 || len(r.shown) != wire.MaxMembers {
			t.Fatalf("ann knows %d of %d", len(r.shown), r.count)
		}
		first.detach(wire.Leave)
		time.Sleep(time.Second)
		if _, frames := r.read(t, a); frames != 1 || r.count != 251 || len(r.shown) != wire.MaxMembers {
			t.Errorf("after one left ann knows %d of %d, told in %d frames", len(r.shown), r.count, frames)
		}
		if !slices.Contains(slices.Collect(maps.Values(r.shown)), `"sub198"`) {
			t.Error("the next one did not move up")
		}
		last := w.attach("hall", "1", "late", "connection-late0001")
		last.send(&wire.Envelope{Kind: wire.KindPresence, Data: []byte(`{"x":1}`)})
		time.Sleep(time.Second)
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(a.got) != 1 || string(a.got[0].Data) != `{"count":252}` {
			t.Errorf("of one beyond the roster ann is told in %d frames: %s", len(a.got), a.got[0].Data)
		}
	}, halls())
}

// TestWhoLeavesTwiceAtOnce has one of the roster leave, come and leave again before that is told: whoever knew it is told that it left.
func TestWhoLeavesTwiceAtOnce(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("hall", "1", "ann", "connection-of-ann", withPresence)
		b := w.attach("hall", "1", "bob", "connection-of-bob")
		time.Sleep(time.Second)
		var r roster
		if r.read(t, a); len(r.shown) != 2 {
			t.Fatalf("ann knows %v", r.shown)
		}
		b.detach(wire.Leave)
		b = w.attach("hall", "1", "bob", "connection-of-bob")
		b.detach(wire.Leave)
		time.Sleep(time.Second)
		if r.read(t, a); r.count != 1 || len(r.shown) != 1 {
			t.Errorf("ann knows %d: %v", r.count, r.shown)
		}
	}, halls())
}

// TestManyCome has 5,000 clients come, show something, move, and go. What each is told does not grow with the square of
// their number, and everybody's count is right soon after.
func TestManyCome(t *testing.T) {
	const clients = 5000
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		links := make([]*testLink, clients)
		views := make([]roster, clients)
		most := func(what string, bytes, frames int) {
			t.Helper()
			gotBytes, gotFrames := 0, 0
			for i, l := range links {
				b, f := views[i].skim(t, l, i%100 == 0)
				gotBytes, gotFrames = max(gotBytes, b), max(gotFrames, f)
			}
			t.Logf("%s: at most %d bytes in %d frames for a link", what, gotBytes, gotFrames)
			if gotBytes > bytes || gotFrames > frames {
				t.Errorf("%s: %d bytes in %d frames for a link, want at most %d and %d", what, gotBytes, gotFrames, bytes, frames)
			}
		}
		all := func(what string, count int) {
			t.Helper()
			for i := range links {
				if r := &views[i]; r.count != count || i%100 == 0 && len(r.shown) != min(count, wire.MaxMembers) {
					t.Fatalf("%s: link %d knows %d of %d, want a count of %d", what, i, len(r.shown), r.count, count)
				}
			}
		}
		for i := range links {
			links[i] = w.attach("hall", "1", "ann", fmt.Sprintf("connection-%07d", i), withPresence)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		most("arrival", 40_000, 60)
		all("arrival", clients)

		for range 10 {
			for i, l := range links {
				l.send(&wire.Envelope{Kind: wire.KindPresence, Data: fmt.Appendf(nil, `{"x":%d,"y":%d}`, time.Now().UnixNano(), i)})
			}
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		most("presence data", 10*20_000, 8)
		all("presence data", clients)

		for range 10 {
			for _, l := range links {
				l.send(&wire.Envelope{Kind: wire.KindSignal, Name: "pointer", Data: []byte(`{"x":1,"y":2}`)})
			}
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		signals := 0
		w.mu.Lock()
		for _, e := range links[0].got {
			if e.Kind == wire.KindMessage {
				signals++
			}
		}
		w.mu.Unlock()
		if signals == 0 || signals > 1000 {
			t.Errorf("of 50,000 signals in a second %d came to a link", signals)
		}

		for _, l := range links[:clients/2] { // the whole roster, and who would move up
			l.send(&wire.Envelope{Kind: wire.KindDetach})
		}
		links, views = links[clients/2:], views[clients/2:]
		time.Sleep(15 * time.Second) // the grace period of half of them ends
		synctest.Wait()
		most("departure", 40_000, 10)
		all("departure", clients/2)
	}, halls())
}

// TestSignalsBeyondTheBudget gathers them: the newest of each member comes, in the end.
func TestSignalsBeyondTheBudget(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("hall", "1", "ann", "connection-of-ann")
		for i := range 499 {
			w.attach("hall", "1", "ann", fmt.Sprintf("connection-%07d", i))
		}
		b := w.attach("hall", "1", "bob", "connection-of-bob")
		synctest.Wait()
		a.frames()
		signal := func(n int) {
			data := fmt.Sprintf(`{"n":%d,"pad":"%s"}`, n, strings.Repeat("x", 1000))
			b.send(&wire.Envelope{Kind: wire.KindSignal, Name: "pointer", Data: []byte(data)})
		}
		for i := range 1000 {
			signal(i)
		}
		time.Sleep(time.Second)
		got := a.frames()
		if len(got) < 3 || len(got) > 100 || !strings.Contains(got[0], `"n":0,`) || !strings.Contains(got[len(got)-1], `"n":999,`) {
			t.Errorf("%d signals came, the first and the last should be", len(got))
		}
		time.Sleep(time.Second)
		signal(1000)
		if got := a.frames(); len(got) != 1 {
			t.Errorf("with the budget saved %d signals came at once, want 1", len(got))
		}
	}, halls())
}
