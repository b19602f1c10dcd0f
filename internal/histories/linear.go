package histories

import (
	"cmp"
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

// cellState is what a cell or counter is after some commands, and how many queries have been answered since the last.
type cellState struct {
	revision uint64
	n        int64
	answered int
}

// claims are what operations say of revisions, by which the search leaves out what cannot lead to an end.
type claims struct {
	made    map[uint64]bool // by an acknowledged command: no other can have made it
	answers map[uint64]int  // queries that were answered as of it: none can be left behind
}

// model is a cell or counter that takes one command at a time.
func (c *claims) model() porcupine.Model {
	return porcupine.Model{
		Init:  func() any { return cellState{} },
		Step:  func(state, input, _ any) (bool, any) { return c.step(state.(cellState), input.(*Op)) },
		Equal: func(a, b any) bool { return a == b },
		DescribeOperation: func(input, _ any) string {
			return input.(*Op).String()
		},
		DescribeState: func(state any) string {
			s := state.(cellState)
			return fmt.Sprintf("%d at %d", s.n, s.revision)
		},
	}
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
func (c *claims) step(s cellState, o *Op) (bool, cellState) {
	switch {
	case o.Query:
		n, ok := told(o.Reply)
		ok = ok && n == s.n && o.Revision == s.revision
		s.answered++
		return ok, s
	case o.Outcome == Rejected:
		return o.HasExpect && o.Expect != s.revision, s
	}
	fits := !o.HasExpect || o.Expect == s.revision
	if o.Outcome == Unknown && !fits {
		return true, s // it was refused
	}
	if o.Outcome == Unknown && c.made[s.revision+1] || s.answered < c.answers[s.revision] {
		return false, s // a command without an answer has its effect at another time: what is after the end nobody has made
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
// HTML. Where the search does not end within the limit, it is done once more without rejections, each of which doubles what can be.
func (h *History) Linear(limit time.Duration, file string) (Verdict, error) {
	if h.Category != Cell && h.Category != Counter {
		return NotAsked, nil
	}
	verdict, err := h.search(limit, file, true)
	if verdict == Undecided {
		verdict, err = h.search(limit, file, false)
	}
	return verdict, err
}

func (h *History) search(limit time.Duration, file string, rejections bool) (Verdict, error) {
	var ops []porcupine.Operation
	c := &claims{made: make(map[uint64]bool), answers: make(map[uint64]int)}
	for i := range h.Ops {
		o := &h.Ops[i]
		switch {
		case o.Query && o.Outcome != Acked:
			continue // it neither changed nor showed anything
		case o.Outcome == Rejected && (o.Code != "conflict" || !rejections):
			continue // nor did this
		case o.Query:
			c.answers[o.Revision]++
		case o.Outcome == Acked:
			c.made[o.Revision] = true
		}
		p := porcupine.Operation{ClientId: o.Client, Input: o, Call: int64(o.Began), Return: int64(o.Ended)}
		if o.Outcome == Unknown {
			p.Return = math.MaxInt64 // at the very end nobody sees whether it had its effect
		}
		ops = append(ops, p)
	}
	slices.SortStableFunc(ops, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	result, info := porcupine.CheckOperationsVerbose(c.model(), ops, limit)
	switch result {
	case porcupine.Ok:
		return Linearizable, nil
	case porcupine.Unknown:
		return Undecided, nil
	}
	if file == "" {
		return Impossible, nil
	}
	if err := porcupine.VisualizePath(c.model(), info, file); err != nil {
		return Impossible, fmt.Errorf("draw the history of %s: %w", h.Name(), err)
	}
	return Impossible, nil
}
