package histories

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// Verdict is what the search found.
type Verdict string

// The verdicts.
const (
	Linearizable Verdict = "linearizable"
	Impossible   Verdict = "impossible"
	Undecided    Verdict = "undecided" // within the time that it had
	NotAsked     Verdict = "not asked" // entities of the category change by more than their clients' commands
)

// cellState is what a cell or counter is after some commands.
type cellState struct {
	revision uint64
	n        int64
}

// model is a cell or counter that takes one command at a time.
var model = porcupine.Model{
	Init:  func() any { return cellState{} },
	Step:  func(state, input, _ any) (bool, any) { return step(state.(cellState), input.(*Op)) },
	Equal: func(a, b any) bool { return a == b },
	DescribeOperation: func(input, _ any) string {
		return input.(*Op).String()
	},
	DescribeState: func(state any) string {
		s := state.(cellState)
		return fmt.Sprintf("%d at %d", s.n, s.revision)
	},
}

// String says what was asked and told.
func (o *Op) String() string {
	what := o.Name + " " + string(o.Data)
	if o.HasExpect {
		what += fmt.Sprintf(" expecting %d", o.Expect)
	}
	switch {
	case o.Outcome == Rejected:
		return what + ": " + o.Code
	case o.Outcome == Unknown:
		return what + ": nobody knows"
	}
	return fmt.Sprintf("%s: at %d %s", what, o.Revision, o.Reply)
}

// step takes one operation, and reports whether what was told of it fits.
func step(s cellState, o *Op) (bool, cellState) {
	switch {
	case o.Query:
		n, ok := told(o.Reply)
		return ok && n == s.n && o.Revision == s.revision, s
	case o.Outcome == Rejected:
		return o.Code != "conflict" || o.HasExpect && o.Expect != s.revision, s
	}
	fits := !o.HasExpect || o.Expect == s.revision
	if o.Outcome == Unknown && !fits {
		return true, s // it was refused
	}
	next := cellState{revision: s.revision + 1, n: s.n}
	v, err := operand(o.Data)
	switch {
	case err != nil || !fits:
		return false, s
	case o.Name == "add":
		next.n += v
	default:
		next.n = v
	}
	if o.Outcome == Unknown {
		return true, next
	}
	if len(o.Reply) > 0 { // it is not kept for ever
		if n, ok := told(o.Reply); !ok || n != next.n {
			return false, s
		}
	}
	return o.Revision == next.revision, next
}

func told(reply []byte) (int64, bool) {
	var n number
	err := json.Unmarshal(reply, &n)
	return n.N, err == nil
}

// Linear asks whether the commands and queries of h can have happened one at a time, each at some moment between its beginning
// and its end. It knows nothing of the final stream. When they cannot, and file is not empty, a picture of it is written there, as
// HTML.
func (h *History) Linear(limit time.Duration, file string) (Verdict, error) {
	if h.Category != Cell && h.Category != Counter {
		return NotAsked, nil
	}
	var ops []porcupine.Operation
	for i := range h.Ops {
		o := &h.Ops[i]
		if o.Query && o.Outcome != Acked {
			continue // it neither changed nor showed anything
		}
		p := porcupine.Operation{ClientId: o.Client, Input: o, Call: int64(o.Began), Return: int64(o.Ended)}
		if o.Outcome == Unknown {
			p.Return = math.MaxInt64 // at the very end nobody sees whether it had its effect
		}
		ops = append(ops, p)
	}
	slices.SortStableFunc(ops, func(a, b porcupine.Operation) int { return int(min(max(a.Call-b.Call, -1), 1)) })
	result, info := porcupine.CheckOperationsVerbose(model, ops, limit)
	switch result {
	case porcupine.Ok:
		return Linearizable, nil
	case porcupine.Unknown:
		return Undecided, nil
	}
	if file == "" {
		return Impossible, nil
	}
	if err := porcupine.VisualizePath(model, info, file); err != nil {
		return Impossible, fmt.Errorf("draw the history of %s: %w", h.Name(), err)
	}
	return Impossible, nil
}
