package demo

import (
	"fmt"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/internal/text"
)

// maxPad is how many bytes of text a pad holds.
const maxPad = 4 << 20

// Pad is a text that many write at once. What a client sees is the state itself.
type Pad struct {
	Text text.Text `json:"text"`
}

type (
	// Edit is the command to change the text. Its patches fit one state of the text: a client that
	// may not have seen the last edit sends the command with the revision it expects.
	Edit struct {
		Patches text.Patches `json:"patches"`
	}
	// Edited is the event.
	Edited struct {
		Patches text.Patches `json:"patches"`
	}
	// Caret is where in the text somebody writes, in code points from its beginning; null: nowhere.
	Caret struct {
		At int `json:"at"`
	}
	// WholeText is the query for the text.
	WholeText struct{}
)

// Pads is the category pad.
var Pads = tutti.NewCategory("pad",
	tutti.OnCommand(func(t *tutti.Turn[Pad], c Edit) error {
		if c.Patches == nil {
			return tutti.Reject("invalid", "patches: want an array")
		}
		if len(c.Patches) == 0 {
			return nil
		}
		if err := fits(t.State().Text, c.Patches); err != nil {
			return err
		}
		t.Emit(Edited(c))
		return nil
	}, tutti.Emits(Edited{})),
	tutti.OnEvent(func(s *Pad, e Edited) {
		// A stored edit fitted the text when it was decided; an Apply that fails changes nothing.
		s.Text, _ = s.Text.Apply(e.Patches)
	}),
	tutti.OnQuery(func(t *tutti.Turn[Pad], _ WholeText) (Pad, error) { return *t.State(), nil }, tutti.Name("text")),
	tutti.RelayOf[*Caret](),
	tutti.Who(subject),
)

// fits rejects patches that reach beyond the text, or make it too long.
func fits(x text.Text, p text.Patches) error {
	if _, err := p.Check(x.Len()); err != nil {
		return tutti.Reject("invalid", err.Error())
	}
	if x.Size()+p.Inserted() <= maxPad {
		return nil
	}
	if after, err := x.Apply(p); err == nil && after.Size() <= maxPad {
		return nil
	}
	return tutti.Reject("too_large", fmt.Sprintf("a pad holds %d bytes of text", maxPad))
}
