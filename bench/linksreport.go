package bench

import (
	"fmt"
	"io"
)

// Print writes the result as a table.
func (r *LinksResult) Print(to io.Writer, m Machine) error {
	t := newReport(to)
	s := r.Settings
	t.line("links", "%d at %d entities, %.0f opened a second, %d at once", s.Links, s.Entities, r.OpenRate, s.AtOnce)
	if r.OpenWindow.ServerCPU > 0 {
		t.line("server CPU of opening", "%.1f s: %.0f s for 1M links", r.OpenWindow.ServerCPU, r.OpenCPU)
	}
	if r.Open.RSS > 0 {
		t.line("memory of a link", "%s resident: %s heap, %s stack", kilobytes(r.RSSEach), kilobytes(r.HeapEach), kilobytes(r.StackEach))
		t.line("server memory", "%s before, %s with all links, %s after them", r.Before, r.Open, r.After)
		t.line("server CPU of idle links", "%.1f %% of a core, %d pings answered in %.1f s", 100*r.IdleCPU, r.Pings, r.IdleWindow.Seconds)
	}
	t.line("dropped", "all gone after %.2f s", r.DropTime)
	t.line("others", "%d connections, %s", s.Others, pace(s.Rate))
	t.line("verified", "%s", verified(r.Verified, "every link was open until it was dropped, and none is left"))
	t.head()
	t.latency("dial to welcome", r.Opened)
	t.latency("others: command to answer", r.Command)
	t.line("generator CPU", "%.1f s while opening, %.1f s while idle", r.OpenWindow.GeneratorCPU, r.IdleWindow.GeneratorCPU)
	t.line("one bare fsync here", "p50 %s, p99 %s", micros(m.Fsync.P50), micros(m.Fsync.P99))
	t.line("one bare socket write here", "%.1f µs", m.SocketWrite)
	if r.OpenWindow.GeneratorBound {
		t.line("NOTE", "while opening, the load generator used more of the machine than the server: it is the bottleneck there")
	}
	return t.w.Flush()
}

// String writes the resident memory with what it is made of.
func (m LinksMemory) String() string {
	return fmt.Sprintf("%s (heap %s, stacks %s)", megabytes(m.RSS), megabytes(m.Heap), megabytes(m.Stack))
}

func kilobytes(bytes float64) string { return fmt.Sprintf("%.1f KB", bytes/1000) }
