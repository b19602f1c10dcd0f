package clustersim_test

import (
	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/cmd/tutti/trial"
	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/internal/histories"
)

// number is the state of counters and cells.
type number struct {
	N int64 `json:"n"`
}

type (
	add struct {
		By int64 `json:"by"`
	}
	added struct {
		By int64 `json:"by"`
	}
	put struct {
		N int64 `json:"n"`
	}
	stored struct {
		N int64 `json:"n"`
	}
	get struct{}
)

// anyView has views that may be of any consistency, and states that are hashed often.
var anyView = tutti.With(tutti.Options{ViewConsistency: tutti.Eventual, HashEvents: 8})

// categories returns those that are judged, made anew for each process.
func categories() []*tutti.Category {
	query := tutti.OnQuery(func(t *tutti.Turn[number], _ get) (number, error) { return *t.State(), nil })
	return []*tutti.Category{
		tutti.NewCategory(histories.Counter,
			tutti.OnCommand(func(t *tutti.Turn[number], c add) error {
				t.Emit(added(c))
				t.ReplyWith(func(s *number) any { return *s })
				return nil
			}),
			tutti.OnEvent(func(s *number, e added) { s.N += e.By }), query, anyView),
		tutti.NewCategory(histories.Cell,
			tutti.OnCommand(func(t *tutti.Turn[number], c put) error {
				t.Emit(stored(c))
				t.ReplyWith(func(s *number) any { return *s })
				return nil
			}),
			tutti.OnEvent(func(s *number, e stored) { s.N = e.N }), query, anyView),
		trial.Accounts,
	}
}

// addresses says where their entities are.
func addresses() []edge.Category {
	return []edge.Category{{Name: histories.Counter}, {Name: histories.Cell}, {Name: histories.Account}}
}
