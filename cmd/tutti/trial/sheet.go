package trial

import (
	"fmt"

	"github.com/tutti-rt/tutti"
)

// MaxSheet is the most bytes that a sheet has.
const MaxSheet = 16 << 20

// Sheet is as many bytes as it was told to have, of which commands change one at a time.
type Sheet struct {
	Bytes []byte `json:"bytes"`
}

type (
	// Lay is the command to make a new sheet of that many bytes.
	Lay struct {
		Size int `json:"size"`
	}
	// Laid is its event.
	Laid struct {
		Size int `json:"size"`
	}
	// Mark is the command to change one byte.
	Mark struct {
		At    int   `json:"at"`
		Value uint8 `json:"value"`
	}
	// Marked is its event.
	Marked struct {
		At    int   `json:"at"`
		Value uint8 `json:"value"`
	}
)

// Sheets is the category sheet.
var Sheets = tutti.NewCategory("sheet",
	tutti.OnCommand(func(t *tutti.Turn[Sheet], c Lay) error {
		if c.Size < 1 || c.Size > MaxSheet {
			return tutti.Reject("invalid", fmt.Sprintf("a sheet has 1 to %d bytes", MaxSheet))
		}
		t.Emit(Laid(c))
		return nil
	}, tutti.Emits(Laid{})),
	tutti.OnCommand(func(t *tutti.Turn[Sheet], c Mark) error {
		if n := len(t.State().Bytes); c.At < 0 || c.At >= n {
			return tutti.Reject("invalid", fmt.Sprintf("the sheet has %d bytes", n))
		}
		t.Emit(Marked(c))
		return nil
	}, tutti.Emits(Marked{})),
	tutti.OnEvent(func(s *Sheet, e Laid) { s.Bytes = make([]byte, e.Size) }),
	tutti.OnEvent(func(s *Sheet, e Marked) { s.Bytes[e.At] = e.Value }),
	tutti.With(oftenSaved),
)
