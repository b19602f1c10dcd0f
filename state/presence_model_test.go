package state_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// visitors is a model of who is at an entity.
type visitors struct {
	w        *world
	category string
	order    []*visitor // who are counted, by arrival
	by       map[string]*visitor
}

type visitor struct {
	conn string
	data string
	link *testLink // nil while away
	away time.Time
	view *roster // nil: does not ask
}

func (v *visitors) present(p *visitor) bool { return slices.Contains(v.order, p) }

// forget takes those away whose grace period is over.
func (v *visitors) forget() {
	v.order = slices.DeleteFunc(v.order, func(p *visitor) bool {
		return p.link == nil && time.Since(p.away) >= 10*time.Second
	})
}

func (v *visitors) come(conn string, asks bool) {
	v.forget()
	p := v.by[conn]
	if p == nil {
		p = &visitor{conn: conn}
		v.by[conn] = p
	}
	if !v.present(p) {
		v.order = append(v.order, p)
		p.data = ""
	}
	p.view = nil
	options := []func(*wire.Envelope){}
	if asks {
		p.view = &roster{}
		options = append(options, withPresence)
	}
	old := p.link
	p.link = v.w.attach(v.category, "1", "sub of "+conn, conn, options...)
	if old != nil { // replaced
		v.w.mu.Lock()
		delete(v.w.links, old.number)
		v.w.mu.Unlock()
	}
}

func (v *visitors) check(t rapid.TB) {
	synctest.Wait()
	v.forget()
	want := make(map[string]string)
	for _, p := range v.order {
		if len(want) == wire.MaxMembers {
			break
		}
		want[p.conn] = `"sub of ` + p.conn + `"` + p.data
	}
	for _, p := range v.by {
		if p.link != nil {
			if p.view == nil {
				new(roster).read(t, p.link)
			} else {
				p.view.read(t, p.link)
			}
		}
	}
	for _, p := range v.order {
		if p.link == nil || p.view == nil {
			continue
		}
		if p.view.count != len(v.order) {
			t.Fatalf("%s was told that %d are here, want %d", p.conn, p.view.count, len(v.order))
		}
		shown := slices.Sorted(maps.Values(p.view.shown))
		if !slices.Equal(shown, slices.Sorted(maps.Values(want))) || len(shown) != len(want) {
			t.Fatalf("%s knows %d: %v\nwant %d: %v", p.conn, len(shown), shown, len(want), slices.Sorted(maps.Values(want)))
		}
	}
}

// TestEverybodyKnowsTheRoster has connections come, go, stay away, come back, change what they show and ask again, at
// a node that is restarted now and then; what each client knows in between is who is here.
func TestEverybodyKnowsTheRoster(t *testing.T) {
	for _, name := range []string{"hall", "lobby"} { // the journal knows who is in a lobby
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				crowd := rapid.SampledFrom([]int{0, 3, 196, 215}).Draw(rt, "crowd")
				steps := rapid.SliceOfN(rapid.IntRange(0, 1<<20), 5, 60).Draw(rt, "steps")
				var failure any
				inWorld(t, state.Config{}, func(t *testing.T, w *world) {
					defer func() { failure = recover() }() // rapid catches it outside of the bubble
					v := &visitors{w: w, category: name, by: make(map[string]*visitor)}
					conn := func(n int) string { return fmt.Sprintf("connection-%07d", n) }
					for i := range crowd {
						v.come(conn(i), false)
					}
					for _, s := range steps {
						v.step(rt, s, conn(s/16%(crowd+8)))
					}
					time.Sleep(3 * time.Second)
					v.check(rt)
					time.Sleep(time.Minute)
					v.check(rt)
				}, halls(), lobbies())
				if failure != nil {
					panic(failure)
				}
			})
		})
	}
}

func (v *visitors) step(t rapid.TB, what int, conn string) {
	p := v.by[conn]
	here := p != nil && p.link != nil
	switch what % 16 {
	case 0, 1, 2:
		v.come(conn, false)
	case 3, 4:
		v.come(conn, true)
	case 5, 6:
		if here {
			p.link.detach(0)
			p.link, p.away = nil, time.Now()
		}
	case 7, 8:
		if here {
			p.link.detach(wire.Leave)
			p.link = nil
			v.order = slices.DeleteFunc(v.order, func(o *visitor) bool { return o == p })
		}
	case 9, 10:
		if here {
			p.data = fmt.Sprint(what)
			p.link.send(&wire.Envelope{Kind: wire.KindPresence, Data: []byte(p.data)})
		}
	case 11:
		if here {
			p.link.send(&wire.Envelope{Kind: wire.KindRefresh})
		}
	case 12:
		time.Sleep(37 * time.Millisecond)
	case 13:
		time.Sleep(6777 * time.Millisecond)
	case 14:
		time.Sleep(3 * time.Second)
		v.check(t)
	case 15:
		if what%64 == 15 {
			v.w.restart()
			for _, p := range v.by {
				p.link = nil
			}
			v.order = nil
		}
	}
}
