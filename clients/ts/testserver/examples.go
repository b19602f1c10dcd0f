package main

import (
	"strings"

	"github.com/tutti-rt/tutti"
)

// Counter is the state of one counter.
type Counter struct {
	N int `json:"n"`
}

// Counters are what the examples count with.
var Counters = tutti.NewCategory("counter",
	tutti.OnCommand(func(t *tutti.Turn[Counter], c Add) error {
		t.Emit(Added(c))
		t.ReplyWith(func(s *Counter) any { return s.N })
		return nil
	}),
	tutti.OnEvent(func(s *Counter, e Added) { s.N += e.By }),
)

// Room is the state of one room.
type Room struct {
	Lines []Said `json:"lines"`
}

// What is said in a room.
type (
	Say struct {
		Text string `json:"text"`
	}
	Said struct {
		Who  string `json:"who"`
		Text string `json:"text"`
	}
	Find struct {
		Word string `json:"word"`
	}
)

// Rooms are where the people of the examples meet.
var Rooms = tutti.NewCategory("room",
	tutti.OnCommand(func(t *tutti.Turn[Room], c Say) error {
		if c.Text == "" {
			return tutti.Reject("invalid", "a line has some text")
		}
		t.Emit(Said{Who: t.Claims().Subject, Text: c.Text})
		return nil
	}),
	tutti.OnEvent(func(r *Room, e Said) { r.Lines = append(r.Lines, e) }),
	tutti.OnQuery(func(t *tutti.Turn[Room], q Find) (int, error) {
		n := 0
		for _, l := range t.State().Lines {
			n += strings.Count(l.Text, q.Word)
		}
		return n, nil
	}),
	tutti.View(func(r *Room, _ string) any { return Room{Lines: append([]Said{}, r.Lines...)} }),
	tutti.Who(func(c tutti.Claims) any { return c.Subject }),
	tutti.Relay("typing"),
)
