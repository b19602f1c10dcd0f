package trial

import "github.com/tutti-rt/tutti"

// Cell is a number that is put and got: a register.
type Cell struct {
	N int64 `json:"n"`
}

type (
	// Put is the command to put a number. With an expected revision it compares first.
	Put struct {
		N int64 `json:"n"`
	}
	// Stored is its event.
	Stored struct {
		N int64 `json:"n"`
	}
	// Peek is the query for the number.
	Peek struct{}
)

// Cells is the category cell.
var Cells = tutti.NewCategory("cell",
	tutti.OnCommand(func(t *tutti.Turn[Cell], c Put) error {
		t.Emit(Stored(c))
		t.ReplyWith(func(s *Cell) any { return *s })
		return nil
	}, tutti.Emits(Stored{}), tutti.Replies(Cell{})),
	tutti.OnEvent(func(s *Cell, e Stored) { s.N = e.N }),
	tutti.OnQuery(func(t *tutti.Turn[Cell], _ Peek) (Cell, error) { return *t.State(), nil }, tutti.Name("get")),
)
