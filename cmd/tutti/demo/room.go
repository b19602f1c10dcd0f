package demo

import (
	"slices"
	"unicode/utf8"

	"github.com/tutti-rt/tutti"
)

const (
	maxLines = 100   // that a room shows
	maxLine  = 2_000 // code points
)

// Room is a chat room. It keeps the lines that it shows; the journal has them all.
type Room struct {
	Lines []Said `json:"lines"`
	Count int64  `json:"count"` // of all lines ever said
}

type (
	// Say is the command to say a line.
	Say struct {
		Text string `json:"text"`
	}
	// Said is the event.
	Said struct {
		Who  string `json:"who"`
		Text string `json:"text"`
	}
	// Typing is the signal of somebody who is writing a line.
	Typing struct{}
)

// Rooms is the category room.
var Rooms = tutti.NewCategory("room",
	tutti.OnCommand(func(t *tutti.Turn[Room], c Say) error {
		if n := utf8.RuneCountInString(c.Text); n == 0 || n > maxLine {
			return tutti.Reject("invalid", "text: want 1 to 2000 characters")
		}
		t.Emit(Said{Who: t.Claims().Subject, Text: c.Text})
		return nil
	}, tutti.Emits(Said{})),
	tutti.OnEvent(func(r *Room, e Said) {
		if len(r.Lines) == maxLines {
			r.Lines = slices.Delete(r.Lines, 0, 1)
		}
		r.Lines = append(r.Lines, e)
		r.Count++
	}),
	tutti.View(func(r *Room, _ string) Room {
		shown := *r
		if shown.Lines == nil {
			shown.Lines = []Said{} // an empty array, not null
		}
		return shown
	}),
	tutti.RelayOf[Typing](),
	tutti.Who(subject),
)
