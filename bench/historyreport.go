package bench

import (
	"fmt"
	"io"
)

// Print writes the result as a table.
func (r *HistoryResult) Print(to io.Writer, m Machine) error {
	t := newReport(to)
	t.line("others", "%d connections, %s", r.Settings.Others, pace(r.Settings.Rate))
	t.line("verified", "%s", verified(r.Verified, "everybody got every event missed, each once and in order"))
	for _, c := range r.CatchUps {
		t.line(fmt.Sprintf("%d events behind", c.Behind), "%d times, %.0f events/s", c.Tries, c.PerSecond)
	}
	t.head()
	for _, c := range r.CatchUps {
		t.latency(fmt.Sprintf("%d behind: welcome", c.Behind), c.Welcome)
		t.latency(fmt.Sprintf("%d behind: caught up", c.Behind), c.CaughtUp)
	}
	t.latency("others alone: command to answer", r.Quiet)
	for _, c := range r.CatchUps {
		t.latency(fmt.Sprintf("others beside %d behind", c.Behind), c.Others)
	}
	t.machine(r.Window, m, "events missed", r.PerEvents)
	return t.w.Flush()
}
