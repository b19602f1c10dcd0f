// App is the application that foreign clients talk to.
package main

import (
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/node"
)

// Room is the state of one room.
type Room struct {
	Lines []string `json:"lines"`
	Count int      `json:"count"`
	// Asides are for staff.
	Asides int `json:"-"`
}

// The commands.
type (
	// Say is answered with the number of the line.
	Say struct {
		Text string `json:"text"`
	}
	// Aside causes an event that only staff sees.
	Aside struct{}
)

// Count asks for the number of lines.
type Count struct{}

// The events.
type (
	Said struct {
		Who  string `json:"who"`
		Text string `json:"text"`
	}
	Mused struct{}
)

// Line is the reply to Say.
type Line struct {
	Line int `json:"line"`
}

const staff = "staff"

// rooms returns a category of rooms.
func rooms(name string, o tutti.Options) *tutti.Category {
	return tutti.NewCategory(name,
		tutti.Admit(func(c tutti.Claims, id string) error {
			if id == "vault" && c.String("role") != staff {
				return tutti.Reject("closed", "staff only")
			}
			return nil
		}),
		tutti.OnCommand(func(t *tutti.Turn[Room], c Say) error {
			if c.Text == "" {
				return tutti.Reject("invalid", "a line without text")
			}
			t.Emit(Said{Who: t.Claims().Subject, Text: c.Text})
			t.ReplyWith(func(r *Room) any { return Line{r.Count} })
			return nil
		}),
		tutti.OnCommand(func(t *tutti.Turn[Room], _ Aside) error {
			t.Emit(Mused{})
			return nil
		}),
		tutti.OnQuery(func(t *tutti.Turn[Room], _ Count) (int, error) { return t.State().Count, nil }),
		tutti.OnEvent(func(r *Room, e Said) {
			r.Lines = append(r.Lines, e.Text)
			r.Count++
		}),
		tutti.OnEvent(func(r *Room, _ Mused) { r.Asides++ }),
		tutti.Audience(func(c tutti.Claims) string { return c.String("role") }),
		tutti.ViewEvent(func(e Mused, audience string) (any, bool) { return e, audience == staff }),
		tutti.Who(func(c tutti.Claims) any { return c.Subject }),
		tutti.Relay("typing"),
		tutti.With(o),
	)
}

func main() {
	node.Main(
		rooms("room", tutti.Options{}),
		rooms("scratch", tutti.Options{Ephemeral: true, Grace: 50 * time.Millisecond, Idle: 200 * time.Millisecond}),
	)
}
