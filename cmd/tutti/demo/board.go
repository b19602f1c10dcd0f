package demo

import "github.com/tutti-rt/tutti"

const (
	side   = 256 // pixels
	colors = 16
)

// Board is a canvas of 256 × 256 pixels.
type Board struct {
	// Pixels holds a color for each pixel, row by row, and is empty until the first is painted.
	Pixels []byte `json:"pixels"`
}

type (
	// Paint is the command to paint one pixel. None of its fields may be absent.
	Paint struct {
		X     *uint8 `json:"x"`
		Y     *uint8 `json:"y"`
		Color *uint8 `json:"color"`
	}
	// Painted is the event.
	Painted struct {
		X     uint8 `json:"x"`
		Y     uint8 `json:"y"`
		Color uint8 `json:"color"`
	}
	// Picture is what clients see of a board.
	Picture struct {
		W      int    `json:"w"`
		H      int    `json:"h"`
		Pixels []byte `json:"pixels"`
	}
	// Pointer is where on the board somebody's pointer is, in pixels from the upper left corner; null: nowhere.
	Pointer struct {
		X     float64 `json:"x"`
		Y     float64 `json:"y"`
		Color int     `json:"color"`
	}
)

// Boards is the category board.
var Boards = tutti.NewCategory("board",
	tutti.OnCommand(func(t *tutti.Turn[Board], c Paint) error {
		if c.X == nil || c.Y == nil || c.Color == nil || *c.Color >= colors {
			return tutti.Reject("invalid", "want x and y from 0 to 255, color from 0 to 15")
		}
		t.Emit(Painted{*c.X, *c.Y, *c.Color})
		return nil
	}, tutti.Emits(Painted{})),
	tutti.OnEvent(func(b *Board, e Painted) {
		if len(b.Pixels) != side*side {
			b.Pixels = make([]byte, side*side)
		}
		b.Pixels[int(e.Y)*side+int(e.X)] = e.Color
	}),
	tutti.View(func(b *Board, _ string) Picture {
		p := Picture{W: side, H: side, Pixels: b.Pixels}
		if len(p.Pixels) == 0 {
			p.Pixels = make([]byte, side*side)
		}
		return p
	}),
	tutti.RelayOf[*Pointer](),
	tutti.Who(subject),
)
