package main

import (
	"time"

	"github.com/tutti-rt/tutti"
)

// size is the width and height of an arena, tick how long one step takes.
const (
	size = 32
	tick = 50 * time.Millisecond
)

// Arena is the state of one game.
type Arena struct {
	Players map[string]Player `json:"players"` // by member
	Coin    Point             `json:"coin"`
}

// Player is one player: where, which way, and how many coins.
type Player struct {
	Name  string `json:"name"`
	At    Point  `json:"at"`
	Way   Point  `json:"way"`
	Coins int    `json:"coins"`
}

// Point is a place or a direction.
type Point struct {
	X int `json:"x"`
	Y int `json:"y"`
}

// The command, the events, and the timer.
type (
	Steer struct {
		Way Point `json:"way"`
	}
	Entered struct {
		Member string `json:"member"`
		Name   string `json:"name"`
		At     Point  `json:"at"`
	}
	Left struct {
		Member string `json:"member"`
	}
	Steered struct {
		Member string `json:"member"`
		Way    Point  `json:"way"`
	}
	Ticked struct{}
	Caught struct {
		Member string `json:"member"`
		Next   Point  `json:"next"`
	}
	Tick struct{ Due time.Time }
)

// Arenas are all arenas.
var Arenas = tutti.NewCategory("arena",
	tutti.With(tutti.Options{Ephemeral: true, Grace: 2 * time.Second}),
	tutti.OnConnect(enter, tutti.Emits(Entered{})),
	tutti.OnDisconnect(leave, tutti.Emits(Left{})),
	tutti.OnCommand(steer, tutti.Emits(Steered{})),
	tutti.OnTimer(step, tutti.Emits(Ticked{}, Caught{})),

	tutti.OnEvent(func(a *Arena, e Entered) {
		if a.Players == nil {
			a.Players = make(map[string]Player)
		}
		a.Players[e.Member] = Player{Name: e.Name, At: e.At}
	}),
	tutti.OnEvent(func(a *Arena, e Left) { delete(a.Players, e.Member) }),
	tutti.OnEvent(func(a *Arena, e Steered) {
		p := a.Players[e.Member]
		p.Way = e.Way
		a.Players[e.Member] = p
	}),
	tutti.OnEvent(func(a *Arena, e Ticked) {
		for m, p := range a.Players {
			p.At = p.next()
			a.Players[m] = p
		}
	}),
	tutti.OnEvent(func(a *Arena, e Caught) {
		p := a.Players[e.Member]
		p.Coins++
		a.Players[e.Member], a.Coin = p, e.Next
	}),
)

func enter(t *tutti.Turn[Arena]) error {
	if len(t.State().Players) >= 50 {
		return tutti.Reject("full", "50 players are enough")
	}
	t.Emit(Entered{Member: t.Member(), Name: t.Claims().Subject, At: somewhere(t)})
	if len(t.State().Players) == 0 {
		schedule(t, t.Now().Add(tick))
	}
	return nil
}

func leave(t *tutti.Turn[Arena]) error {
	t.Emit(Left{Member: t.Member()})
	return nil
}

func steer(t *tutti.Turn[Arena], c Steer) error {
	if c.Way.X < -1 || c.Way.X > 1 || c.Way.Y < -1 || c.Way.Y > 1 {
		return tutti.Reject("invalid", "a step is -1, 0 or 1 each way")
	}
	if _, ok := t.State().Players[t.Member()]; !ok {
		return tutti.Reject("forbidden", "you do not play")
	}
	t.Emit(Steered{Member: t.Member(), Way: c.Way})
	return nil
}

// step is one tick of the game. The next one is due a tick after this one was, so that ticks that
// come late do not slow the game down; but time that was lost is not caught up with.
func step(t *tutti.Turn[Arena], p Tick) error {
	a := t.State()
	if len(a.Players) == 0 {
		return nil // the next player starts the clock again
	}
	t.Emit(Ticked{})
	if m := a.catcher(); m != "" {
		t.Emit(Caught{Member: m, Next: somewhere(t)})
	}
	due := p.Due.Add(tick)
	if due.Before(t.Now()) {
		due = t.Now().Add(tick)
	}
	schedule(t, due)
	return nil
}

func schedule(t *tutti.Turn[Arena], due time.Time) { t.Schedule("tick", due, Tick{Due: due}) }

func somewhere(t *tutti.Turn[Arena]) Point {
	return Point{t.Rand().IntN(size), t.Rand().IntN(size)}
}

// catcher returns the member who reaches the coin in the next step; of several, the first by name, so
// that it is always the same.
func (a *Arena) catcher() string {
	best := ""
	for m, p := range a.Players {
		if p.next() == a.Coin && (best == "" || m < best) {
			best = m
		}
	}
	return best
}

// next returns where the player is after one step; walls hold.
func (p Player) next() Point {
	return Point{min(max(p.At.X+p.Way.X, 0), size-1), min(max(p.At.Y+p.Way.Y, 0), size-1)}
}
