package main

import (
	"time"
	"unicode/utf8"

	"github.com/tutti-rt/tutti"
)

// Room is the state of one chat room.
type Room struct {
	Lines   []Line     `json:"lines"`
	Reports []Reported `json:"reports"`
}

// Line is one line of the room.
type Line struct {
	Said
	Removed bool `json:"removed,omitempty"`
}

// The commands.
type (
	Say struct {
		Text string `json:"text"`
	}
	// Report complains about a line, to the moderators.
	Report struct {
		Line int    `json:"line"`
		Why  string `json:"why"`
	}
	// Remove is for moderators.
	Remove struct {
		Line int `json:"line"`
	}
)

// The events.
type (
	Said struct {
		Who  string    `json:"who"`
		Text string    `json:"text"`
		At   time.Time `json:"at"`
	}
	Reported struct {
		Line int    `json:"line"`
		By   string `json:"by"`
		Why  string `json:"why"`
	}
	Removed struct {
		Line int `json:"line"`
	}
	// Posted is what Said was in the first version of this application. Rooms of that time still
	// have such events in their history.
	Posted struct {
		Nick, Message string
	}
)

// moderators is the audience that sees everything.
const moderators = "moderators"

// Rooms are all chat rooms.
var Rooms = tutti.NewCategory("chat",
	tutti.OnCommand(say, tutti.Emits(Said{})),
	tutti.OnCommand(report, tutti.Emits(Reported{})),
	tutti.OnCommand(remove, tutti.Emits(Removed{})),

	tutti.OnEvent(func(r *Room, e Said) { r.Lines = append(r.Lines, Line{Said: e}) }),
	tutti.OnEvent(func(r *Room, e Reported) { r.Reports = append(r.Reports, e) }),
	tutti.OnEvent(func(r *Room, e Removed) { r.Lines[e.Line].Removed = true }),
	tutti.Upcast(func(old Posted) Said { return Said{Who: old.Nick, Text: old.Message} }),

	tutti.Audience(func(c tutti.Claims) string {
		if c.String("role") == "moderator" {
			return moderators
		}
		return ""
	}),
	tutti.View(view),
	tutti.ViewEvent(func(e Reported, audience string) (any, bool) { return e, audience == moderators }),
	tutti.Who(func(c tutti.Claims) any { return c.Subject }),
	tutti.Relay("typing"),
)

func say(t *tutti.Turn[Room], c Say) error {
	if n := utf8.RuneCountInString(c.Text); n == 0 || n > 2000 {
		return tutti.Reject("invalid", "a line has 1 to 2,000 characters")
	}
	t.Emit(Said{Who: t.Claims().Subject, Text: c.Text, At: t.Now()})
	return nil
}

func report(t *tutti.Turn[Room], c Report) error {
	if err := t.State().has(c.Line); err != nil {
		return err
	}
	t.Emit(Reported{Line: c.Line, By: t.Claims().Subject, Why: c.Why})
	return nil
}

func remove(t *tutti.Turn[Room], c Remove) error {
	if t.Claims().String("role") != "moderator" {
		return tutti.Reject("forbidden", "only moderators remove lines")
	}
	if err := t.State().has(c.Line); err != nil {
		return err
	}
	if !t.State().Lines[c.Line].Removed {
		t.Emit(Removed(c))
	}
	return nil
}

func (r *Room) has(line int) error {
	if line < 0 || line >= len(r.Lines) {
		return tutti.Reject("invalid", "there is no such line")
	}
	return nil
}

// view leaves out, for all but moderators, what was removed and who complained.
func view(r *Room, audience string) any {
	if audience == moderators {
		return r
	}
	seen := Room{Lines: make([]Line, len(r.Lines))}
	for i, l := range r.Lines {
		if l.Removed {
			l.Text = ""
		}
		seen.Lines[i] = l
	}
	return seen
}
