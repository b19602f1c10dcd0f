package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// report writes lines of a readable table.
type report struct{ w *tabwriter.Writer }

func newReport(w io.Writer) report { return report{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)} }

func (r report) line(name, format string, args ...any) {
	fmt.Fprintf(r.w, "%s\t%s\n", name, fmt.Sprintf(format, args...))
}

func (r report) head() { fmt.Fprintln(r.w, "\tp50\tp90\tp99\tp99.9\tmax") }

func (r report) latency(name string, l Latency) {
	if l.Count > 0 {
		fmt.Fprintf(r.w, "%s\t%s\t%s\t%s\t%s\t%s\n", name, micros(l.P50), micros(l.P90), micros(l.P99), micros(l.P999), micros(l.Max))
	}
}

// micros writes a duration with three digits.
func micros(us int64) string {
	d := time.Duration(us) * time.Microsecond
	switch {
	case d >= 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(us)/1000)
	case d >= time.Millisecond:
		return fmt.Sprintf("%.2f ms", float64(us)/1000)
	}
	return fmt.Sprintf("%d µs", us)
}

// megabytes writes a size.
func megabytes(bytes int64) string { return fmt.Sprintf("%.0f MB", float64(bytes)/1e6) }

func (r report) batches(b *Batches) {
	if b != nil {
		r.line("records", "%.0f in each synced write, %.1f in each batch", b.PerSync, b.Each)
	}
}

// machine writes the lines that every result ends with.
func (r report) machine(w Window, m Machine, millionOf string, perMillion float64) {
	if w.ServerCPU > 0 {
		r.line("server CPU", "%.1f s in %.1f s: %.1f s for 1M %s", w.ServerCPU, w.Seconds, perMillion, millionOf)
		r.line("server memory", "%s, at most %s", megabytes(w.ServerRSS), megabytes(w.ServerPeak))
	}
	r.line("generator CPU", "%.1f s on a machine of %d cores", w.GeneratorCPU, m.Cores)
	r.line("one bare fsync here", "p50 %s, p99 %s", micros(m.Fsync.P50), micros(m.Fsync.P99))
	r.line("one bare socket write here", "%.1f µs", m.SocketWrite)
	if w.GeneratorBound {
		r.line("NOTE", "the load generator used more of the machine than the server: it is the bottleneck here")
	}
}

// Print writes the result as a table.
func (r *CommandsResult) Print(to io.Writer, m Machine) error {
	t := newReport(to)
	s := r.Settings
	t.line("connections", "%d at %d entities, %d in flight each, %s", s.Connections, s.Entities, s.InFlight, pace(s.Rate))
	t.line("durable commands", "%d in %.1f s", r.Commands, r.Window.Seconds)
	t.line("commands/s", "%.0f", r.PerSecond)
	if r.Rejected > 0 {
		t.line("rejected", "%d (%s)", r.Rejected, r.Rejection)
	}
	if s.Viewers > 0 {
		t.line("viewers", "%d for each entity, %d events seen", s.Viewers, r.Seen)
	}
	t.line("verified", "%s", verified(r.Verified, "every counter holds exactly what was acknowledged"))
	t.head()
	t.latency("command to answer", r.Latency)
	t.latency("the same, corrected", r.Corrected)
	t.batches(r.Batches)
	t.machine(r.Window, m, "commands", r.CPUPerMillion)
	return t.w.Flush()
}

// Print writes the result as a table.
func (r *FanoutResult) Print(to io.Writer, m Machine) error {
	t := newReport(to)
	s := r.Settings
	t.line("links", "%d on one board, %d connections paint, %s", s.Links, s.Senders, pace(s.Events))
	if s.Stalled > 0 {
		t.line("stalled links besides", "%d", s.Stalled)
	}
	t.line("deliveries/s", "%.0f (%d in %.1f s)", r.PerSecond, r.Measured, r.Window.Seconds)
	t.line("durable events/s", "%.0f", r.EventsRate)
	t.line("in the whole run", "%d events, delivered %d of %d, %d by a fresh state, %d lost", r.Events, r.Delivered, r.Expected, r.Conflated, r.Lost)
	if r.Rejected > 0 {
		t.line("rejected", "%d (%s)", r.Rejected, r.Rejection)
	}
	t.line("verified", "%s", verified(r.Verified, "every viewer got the same events, each once and in order"))
	t.head()
	t.latency("command to a viewer", r.Latency)
	t.latency("command to the last viewer", r.Last)
	t.latency("command to its answer", r.Ack)
	if r.CPUPerMillion > 0 && m.SocketWrite > 0 {
		t.line("server CPU for a delivery", "%.2f µs, %.2f of a bare socket write", r.CPUPerMillion, r.CPUPerMillion/m.SocketWrite)
	}
	t.stalls(r.Stalls, r.Window)
	if r.BareWrite > 0 && r.CPUPerMillion > 0 {
		t.line("bare writes", "%.1f s of CPU for 1M to as many sockets, one delivery each: the server took %.2f ×", r.BareWrite, r.CPUPerMillion/r.BareWrite)
	}
	t.machine(r.Window, m, "deliveries", r.CPUPerMillion)
	return t.w.Flush()
}

func pace(rate float64) string {
	if rate == 0 {
		return "each as soon as it may"
	}
	return fmt.Sprintf("%g/s in all, latency from when each was due", rate)
}

func verified(ok bool, what string) string {
	if ok {
		return what
	}
	return "NO"
}
