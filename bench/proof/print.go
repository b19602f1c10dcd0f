package proof

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/tutti-rt/tutti/internal/histories"
)

// Print writes the result as a table.
func (r *Result) Print(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	line("seed", "%d", r.Seed)
	line("run", "%d nodes, %.0f s, %d clients, %d commands and queries", r.Nodes, r.Seconds, r.Clients, r.Ops)
	line("commands in quiet", "%s in %.0f s", r.Quiet, r.QuietSeconds)
	if r.Watched {
		line("leads lost in quiet", "%d", len(r.Changes))
	}
	if r.Load > 0 {
		line("load besides", "%.0f commands/s acknowledged; %d refused", r.Load, r.Refused)
	}
	for _, kind := range slices.Sorted(maps.Keys(r.Pause)) {
		line(string(kind), "first acknowledgement %s", r.FirstAck[kind])
		line("", "longest pause %s", r.Pause[kind])
		line("", "commands meanwhile %s", r.Meanwhile[kind])
	}
	if r.Pauses.Count > 0 {
		line("handed over", "pause %s", r.Pauses)
	}
	if !r.Interrupted {
		r.printJudged(line)
	}
	for _, l := range r.Late {
		line("late", "%s", l)
	}
	for _, c := range r.Changes {
		line("LOST IN QUIET", "%s", c)
	}
	for _, p := range r.Pictures {
		line("picture", "%s", p)
	}
	for _, v := range r.Violations {
		line("BROKEN", "%s", v)
	}
	switch {
	case r.Interrupted:
		line("INTERRUPTED", "what was measured until then is above, nothing is judged")
	case len(r.Violations) == 0:
		line("verified", "everything above")
	}
	return w.Flush()
}

// printJudged writes what clients were told, as the judge has counted it.
func (r *Result) printJudged(line func(name, format string, args ...any)) {
	j := &r.Judged
	line("acknowledged commands", "%d, each stored once", j.Acked)
	line("rejected", "%d, none stored", j.Rejected)
	line("not answered", "%d, of which %d are stored, once", j.Unknown, j.Carried)
	line("events", "%d of %d entities; %d shown, each in its place", j.Events, j.Entities, j.Shown)
	line("states shown", "%d, and %d answers: each the fold of the events", j.States, j.Answers)
	line("transfers", "%d, each taken or returned once", j.Sent)
	line("one at a time", "%d entities; undecided %d", r.Linear[histories.Linearizable], r.Linear[histories.Undecided])
}
