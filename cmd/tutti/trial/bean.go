package trial

import (
	"fmt"
	"time"

	"github.com/tutti-rt/tutti"
)

// Bean is a number, and the smallest state that there is.
type Bean struct {
	N int64 `json:"n"`
}

type (
	// Grow is the command to grow by one.
	Grow struct{}
	// Grew is its event.
	Grew struct{}
	// Height is the query for the number.
	Height struct{}
)

// Beans is the category bean. Its entities leave memory only when that is short.
var Beans = tutti.NewCategory("bean",
	tutti.OnCommand(func(t *tutti.Turn[Bean], _ Grow) error {
		t.Emit(Grew{})
		return nil
	}, tutti.Emits(Grew{})),
	tutti.OnEvent(func(s *Bean, _ Grew) { s.N++ }),
	tutti.OnQuery(func(t *tutti.Turn[Bean], _ Height) (int64, error) { return t.State().N, nil }),
	tutti.With(tutti.Options{Idle: 24 * time.Hour}),
)

// maxSow is how many beans one command may reach.
const maxSow = 1024

// Sow is the command to have beans grow, each once for every time that it is named: those of the name with
// these numbers.
type Sow struct {
	Name    string `json:"name"`
	Numbers []int  `json:"numbers"`
}

// Sowers is the category sower: entities without a state that tell beans to grow. With them a few links reach a
// million entities.
var Sowers = tutti.NewCategory("sower",
	tutti.OnCommand(func(t *tutti.Turn[struct{}], p Sow) error {
		if len(p.Numbers) == 0 || len(p.Numbers) > maxSow {
			return tutti.Reject("invalid", fmt.Sprintf("1 to %d numbers", maxSow))
		}
		for _, n := range p.Numbers {
			t.Tell(tutti.Entity{Category: "bean", ID: fmt.Sprintf("%s-%d", p.Name, n)}, Grow{})
		}
		return nil
	}),
)
