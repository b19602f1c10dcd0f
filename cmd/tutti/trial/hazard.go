package trial

import (
	"fmt"
	"time"

	"github.com/tutti-rt/tutti"
)

// Bounds of what a hazard does.
const (
	MaxSleep    = time.Minute
	MaxAllocate = 2 << 30
	pageBytes   = 4096
)

// Hazard is an entity whose handlers do what handlers should not.
type Hazard struct {
	N    int  `json:"n"`
	Sick bool `json:"sick,omitempty"` // it cannot be looked at
}

type (
	// Sleep is the command to do nothing for so many milliseconds.
	Sleep struct {
		MS int `json:"ms"`
	}
	// Panic is the command that panics while it decides, and the query that panics.
	Panic struct{}
	// Poison is the command whose event cannot be applied.
	Poison struct{}
	// Poisoned is its event.
	Poisoned struct{}
	// Sicken is the command after which the state cannot be viewed, until it is taken back.
	Sicken struct {
		On bool `json:"on"`
	}
	// Sickened is its event.
	Sickened struct {
		On bool `json:"on"`
	}
	// Allocate is the command to use so many bytes of memory for a moment.
	Allocate struct {
		Bytes int `json:"bytes"`
	}
	// Work is the command to count one on, with some ballast to be stored.
	Work struct {
		Ballast string `json:"ballast,omitempty"`
	}
	// Worked is its event.
	Worked struct {
		Ballast string `json:"ballast,omitempty"`
	}
	// Read is the query for the count.
	Read struct{}
)

// Hazards is the category hazard.
var Hazards = tutti.NewCategory("hazard",
	tutti.OnCommand(func(t *tutti.Turn[Hazard], c Sleep) error {
		d := time.Duration(c.MS) * time.Millisecond
		if d < 0 || d > MaxSleep {
			return tutti.Reject("invalid", "a hazard sleeps for at most "+MaxSleep.String())
		}
		time.Sleep(d)
		t.Emit(Worked{})
		return nil
	}, tutti.Emits(Worked{})),
	tutti.OnCommand(func(t *tutti.Turn[Hazard], c Panic) error {
		t.Emit(Worked{})
		panic("as the command says")
	}, tutti.Emits(Worked{})),
	tutti.OnCommand(func(t *tutti.Turn[Hazard], c Poison) error {
		t.Emit(Poisoned(c))
		return nil
	}, tutti.Emits(Poisoned{})),
	tutti.OnCommand(func(t *tutti.Turn[Hazard], c Sicken) error {
		t.Emit(Sickened(c))
		return nil
	}, tutti.Emits(Sickened{})),
	tutti.OnCommand(func(t *tutti.Turn[Hazard], c Allocate) error {
		if c.Bytes < 0 || c.Bytes > MaxAllocate {
			return tutti.Reject("invalid", fmt.Sprintf("a hazard allocates at most %d bytes", MaxAllocate))
		}
		t.Reply(use(make([]byte, c.Bytes)))
		t.Emit(Worked{})
		return nil
	}, tutti.Emits(Worked{})),
	tutti.OnCommand(func(t *tutti.Turn[Hazard], c Work) error {
		t.Emit(Worked(c))
		return nil
	}, tutti.Emits(Worked{})),
	tutti.OnQuery(func(t *tutti.Turn[Hazard], _ Panic) (int, error) { panic("as the query says") }),
	tutti.OnQuery(func(t *tutti.Turn[Hazard], _ Read) (int, error) { return t.State().N, nil }),
	tutti.OnEvent(func(h *Hazard, _ Worked) { h.N++ }),
	tutti.OnEvent(func(h *Hazard, e Sickened) { h.Sick = e.On }),
	tutti.OnEvent(func(h *Hazard, _ Poisoned) {
		h.N = -1
		panic("as the event says")
	}),
	tutti.View(func(h *Hazard, _ string) any {
		if h.Sick {
			panic("as the state says")
		}
		return h
	}),
)

// use has the memory be there: it writes to each page, and returns how many there are.
func use(b []byte) int {
	pages := 0
	for i := 0; i < len(b); i += pageBytes {
		b[i] = 1
		pages++
	}
	return pages
}
