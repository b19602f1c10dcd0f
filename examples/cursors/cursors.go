// Cursors is a sheet that people write on together and see each other's cursors. Nothing of the cursors is stored.
//
// Where somebody's cursor rests is presence data: who comes later gets it with the list of who is here. How it moves is
// a signal that the platform relays: everybody here sees it, and of what comes faster than can be shown the newest remains.
package main

import (
	"github.com/tutti-rt/tutti"
)

// Sheet is the state of one sheet.
type Sheet struct {
	Notes []Written `json:"notes"`
}

type (
	// Write is a command: a note at a place.
	Write struct {
		X    int    `json:"x"`
		Y    int    `json:"y"`
		Text string `json:"text"`
	}
	// Written is an event.
	Written struct {
		X    int    `json:"x"`
		Y    int    `json:"y"`
		Text string `json:"text"`
	}
	// Cursor is what clients say of their cursors: {"type":"presence","data":{"x":3,"y":4}} where it rests, and
	// {"type":"signal","name":"cursor","data":{"x":3,"y":4}} while it moves.
	Cursor struct {
		X int `json:"x"`
		Y int `json:"y"`
	}
)

// Sheets are all sheets.
var Sheets = tutti.NewCategory("sheet",
	tutti.OnCommand(func(t *tutti.Turn[Sheet], c Write) error {
		if c.Text == "" {
			return tutti.Reject("invalid", "an empty note")
		}
		t.Emit(Written(c))
		return nil
	}),
	tutti.OnEvent(func(s *Sheet, e Written) { s.Notes = append(s.Notes, e) }),
	tutti.Who(func(c tutti.Claims) any { return c.Subject }), // whose cursor it is
	tutti.Relay("cursor"),
)
