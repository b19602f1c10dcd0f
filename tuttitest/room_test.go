package tuttitest_test

import (
	"time"

	"github.com/tutti-rt/tutti"
)

// The category that the tests and examples of this package are about: a meeting room that one
// person opens, where everybody may speak, and that closes by itself.
type (
	Room struct {
		Host  string   `json:"host"`
		Lines []string `json:"lines"`
	}

	Open   struct{}
	Opened struct {
		By string `json:"by"`
	}
	Say struct {
		Text string `json:"text"`
	}
	Said struct {
		Who  string `json:"who"`
		Text string `json:"text"`
	}
	Whispered struct { // what nobody but the host sees
		To, Text string
	}
	Whisper struct{ To, Text string }
	Draw    struct{}
	Drawn   struct{ Number int }
	Spoke   struct{ Text string } // Said, before it had a name in it
	Close   struct{ Why string }
	Closed  struct{ Why string }
	Count   struct{}
	Number  struct {
		N int `json:"n"`
	}
	Wave  struct{ Hand string }
	Waved struct{ Who, Hand string }
	Crash struct{}
	Hear  struct{ Text string }
)

var end = "end"

func newRooms() *tutti.Category {
	return tutti.NewCategory("room",
		tutti.OnCommand(open), tutti.OnCommand(say), tutti.OnCommand(whisper), tutti.OnCommand(draw),
		tutti.OnCommand(hear),
		tutti.OnCommand(func(*tutti.Turn[Room], Crash) error { panic("no parachute") }),
		tutti.OnTimer(func(t *tutti.Turn[Room], c Close) error { t.Emit(Closed(c)); return nil }),
		tutti.OnQuery(func(t *tutti.Turn[Room], _ Count) (Number, error) { return Number{len(t.State().Lines)}, nil }),
		tutti.OnSignal(func(t *tutti.Turn[Room], s Wave) error {
			t.Broadcast(Waved{t.Claims().Subject, s.Hand}, tutti.Except(t.Member()))
			return nil
		}),
		tutti.Relay("typing"),
		tutti.OnConnect(func(t *tutti.Turn[Room]) error {
			if t.State().Host == "" && t.Claims().String("role") != "staff" {
				return tutti.Reject("closed", "nobody has opened this room")
			}
			return nil
		}),
		tutti.OnDisconnect(func(t *tutti.Turn[Room]) error {
			if t.Claims().Subject == t.State().Host {
				t.Emit(Closed{"the host has left"})
			}
			return nil
		}),
		tutti.OnEvent(func(r *Room, e Opened) { r.Host = e.By }),
		tutti.OnEvent(func(r *Room, e Said) { r.Lines = append(r.Lines, e.Who+": "+e.Text) }),
		tutti.OnEvent(func(r *Room, e Whispered) { r.Lines = append(r.Lines, "…") }),
		tutti.OnEvent(func(r *Room, e Drawn) {}),
		tutti.OnEvent(func(r *Room, e Closed) { r.Host = "" }),
		tutti.Upcast(func(s Spoke) Said { return Said{"somebody", s.Text} }),
		tutti.Admit(func(c tutti.Claims, id string) error {
			if id == "vault" {
				return tutti.Reject("forbidden", "nobody enters the vault")
			}
			return nil
		}),
		tutti.Audience(func(c tutti.Claims) string { return c.String("role") }),
		tutti.View(func(r *Room, audience string) any {
			if audience == "staff" {
				return map[string]int{"lines": len(r.Lines)}
			}
			return r.Lines
		}),
		tutti.ViewEvent(func(e Whispered, audience string) (any, bool) { return e.To, audience == "staff" }),
	)
}

func open(t *tutti.Turn[Room], _ Open) error {
	if t.State().Host != "" {
		return tutti.Reject("conflict", "it is open")
	}
	t.Emit(Opened{t.Claims().Subject})
	t.Schedule(end, t.Now().Add(time.Hour), Close{"time is up"})
	return nil
}

func say(t *tutti.Turn[Room], c Say) error {
	if c.Text == "" {
		return tutti.Reject("invalid", "empty line")
	}
	t.Emit(Said{t.Claims().Subject, c.Text})
	t.ReplyWith(func(r *Room) any { return Number{len(r.Lines)} })
	return nil
}

func whisper(t *tutti.Turn[Room], c Whisper) error {
	t.Emit(Whispered(c))
	t.SendTo(c.To, Said{t.Claims().Subject, c.Text})
	t.BroadcastTo("staff", Waved{}, tutti.Name("whispering"))
	t.Tell(tutti.Entity{Category: "room", ID: "echo"}, Hear{c.Text})
	t.Terminate("eve", "overheard", "")
	t.Cancel(end)
	return nil
}

func draw(t *tutti.Turn[Room], _ Draw) error { t.Emit(Drawn{t.Rand().IntN(1000)}); return nil }

func hear(t *tutti.Turn[Room], c Hear) error {
	t.Emit(Said{t.From().ID, c.Text})
	return nil
}
