package trial

import (
	"fmt"

	"github.com/tutti-rt/tutti"
)

// CanvasSide is how many cells a canvas has in each direction.
const CanvasSide = 2048

// Canvas is a board of 2048 × 2048 cells of a byte each, 4 MiB.
type Canvas struct {
	// Cells holds a color for each cell, row by row, and is empty until the first is painted.
	Cells []byte `json:"cells"`
}

type (
	// Ink is the command to paint one cell.
	Ink struct {
		X     int   `json:"x"`
		Y     int   `json:"y"`
		Color uint8 `json:"color"`
	}
	// Inked is its event.
	Inked struct {
		X     int   `json:"x"`
		Y     int   `json:"y"`
		Color uint8 `json:"color"`
	}
	// Drawing is what clients see of a canvas.
	Drawing struct {
		Side  int    `json:"side"`
		Cells []byte `json:"cells"`
	}
)

// Canvases is the category canvas.
var Canvases = tutti.NewCategory("canvas",
	tutti.OnCommand(func(t *tutti.Turn[Canvas], c Ink) error {
		if min(c.X, c.Y) < 0 || max(c.X, c.Y) >= CanvasSide {
			return tutti.Reject("invalid", fmt.Sprintf("a canvas has %d cells in each direction", CanvasSide))
		}
		t.Emit(Inked(c))
		return nil
	}, tutti.Emits(Inked{})),
	tutti.OnEvent(func(s *Canvas, e Inked) {
		if len(s.Cells) == 0 {
			s.Cells = make([]byte, CanvasSide*CanvasSide)
		}
		s.Cells[e.Y*CanvasSide+e.X] = e.Color
	}),
	tutti.View(func(s *Canvas, _ string) any { return Drawing{Side: CanvasSide, Cells: s.Cells} }),
	tutti.With(oftenSaved),
)

// oftenSaved has ten times as many snapshots as usual, so that a short run sees what they do.
var oftenSaved = tutti.Options{SnapshotEvents: 100}
