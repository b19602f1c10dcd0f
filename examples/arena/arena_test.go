package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/tuttitest"
)

var (
	start = tuttitest.Start
	as    = tuttitest.As
	ann   = Entered{Member: "ann", Name: "ann", At: Point{3, 3}}
)

func nextTick(due time.Time) tuttitest.Effect {
	return tuttitest.Schedules("tick", due, Tick{due})
}

func TestTheFirstPlayerStartsTheClock(t *testing.T) {
	tuttitest.Given(t, Arenas).
		WhenConnected(as("ann"), tuttitest.Seed(1, 2)).
		Then(Entered{Member: "ann", Name: "ann", At: Point{16, 12}}).
		ThenEffects(nextTick(start.Add(tick))).
		WhenConnected(as("ben"), tuttitest.Seed(1, 2)).
		Then(Entered{Member: "ben", Name: "ben", At: Point{16, 12}}).
		ThenEffects()
}

func TestTheClockStopsWithTheLastPlayer(t *testing.T) {
	tuttitest.Given(t, Arenas, ann).
		WhenDue(Tick{start}).Then(Ticked{}).ThenEffects(nextTick(start.Add(tick))).
		WhenDisconnected(as("ann")).Then(Left{"ann"}).
		WhenDue(Tick{start}).Then().ThenEffects()
}

func TestTicksKeepTheirPace(t *testing.T) {
	late := start.Add(20 * time.Millisecond)
	tuttitest.Given(t, Arenas, ann).
		WhenDue(Tick{start}, tuttitest.At(late)).ThenEffects(nextTick(start.Add(tick)))
	veryLate := start.Add(time.Minute)
	tuttitest.Given(t, Arenas, ann).
		WhenDue(Tick{start}, tuttitest.At(veryLate)).ThenEffects(nextTick(veryLate.Add(tick)))
}

func TestRunning(t *testing.T) {
	tuttitest.Given(t, Arenas, ann).
		When(Steer{Point{1, -1}}, as("ann")).Then(Steered{"ann", Point{1, -1}}).
		When(Steer{Point{2, 0}}, as("ann")).ThenRejects("invalid").
		When(Steer{Point{1, 0}}, as("eve")).ThenRejects("forbidden").
		WhenDue(Tick{start}).
		ThenState(Arena{Players: map[string]Player{"ann": {Name: "ann", At: Point{4, 2}, Way: Point{1, -1}}}})
}

func TestWallsHold(t *testing.T) {
	tuttitest.Given(t, Arenas, Entered{Member: "ann", At: Point{0, size - 1}}, Steered{"ann", Point{-1, 1}}, Ticked{}).
		ThenState(Arena{Players: map[string]Player{"ann": {At: Point{0, size - 1}, Way: Point{-1, 1}}}})
}

func TestCatching(t *testing.T) {
	there := Entered{Member: "ann", At: Point{1, 0}}
	tuttitest.Given(t, Arenas, there, Entered{Member: "ben", At: Point{1, 0}}, Steered{"ann", Point{-1, 0}}, Steered{"ben", Point{-1, 0}}).
		WhenDue(Tick{start}, tuttitest.Seed(1, 2)).
		Then(Ticked{}, Caught{"ann", Point{16, 12}}).
		ThenState(Arena{Coin: Point{16, 12}, Players: map[string]Player{
			"ann": {Way: Point{-1, 0}, Coins: 1}, "ben": {Way: Point{-1, 0}},
		}})
}

func TestAFullArena(t *testing.T) {
	var players []any
	for i := range 50 {
		players = append(players, Entered{Member: fmt.Sprint(i)})
	}
	tuttitest.Given(t, Arenas, players...).WhenConnected(as("ann")).ThenRejects("full")
}
