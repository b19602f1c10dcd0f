package tutti

import "github.com/tutti-rt/tutti/internal/turn"

// Consistency says how old what an answer is made of may be. Each is weaker than the one before it. The weaker ones may be answered
// by any node that has a replica; all are answered by the entity's owner where there is no other.
type Consistency = turn.Consistency

// The consistencies.
const (
	// Linearizable reflects every command acknowledged to anybody before the question was asked.
	Linearizable = turn.Linearizable
	// Session reflects whatever who asks has seen of the entity.
	Session = turn.Session
	// Eventual may be older; the answer says by how much at most.
	Eventual = turn.Eventual
)

// Weakest declares the weakest consistency with which clients may ask a query; without it that is [Linearizable]. See
// [Options.ViewConsistency] for the view.
func Weakest(c Consistency) HandlerOption { return weakestOption(c) }

type weakestOption Consistency

func (o weakestOption) handler(h *handler) { h.weakest = Consistency(o) }
