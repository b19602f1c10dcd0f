package bench

import (
	"io"
	"slices"
)

// Print writes the result as a table.
func (r *RecoveryResult) Print(to io.Writer, m Machine) error {
	t := newReport(to)
	s := r.Settings
	t.line("entities", "%d with %d events each, filled in %.0f s (%.0f events/s, %.0f s of the server's CPU)",
		s.Entities, s.Events, r.FillSeconds, float64(s.Entities)*float64(s.Events)/r.FillSeconds, r.FillCPU)
	t.line("on disk", "%s, %.1f bytes for each event", megabytes(r.Disk), float64(r.Disk)/float64(s.Entities)/float64(s.Events))
	t.line("starts after kill -9 under load", "%d", len(r.Tries))
	t.line("verified", "%s", verified(r.Verified, "every entity asked holds what was filled in or acknowledged"))
	t.head()
	t.latency("start to listening", r.Listening)
	t.latency("start to the first answer", r.FirstAnswer)
	t.latency("link, welcome and query, 16 at once", r.Answers)
	for i, one := range r.Tries {
		t.line("", "start %d: listening %s, first answer %s, %d verified %s, CPU till the first answer %.2f s, memory then %s, in the end %s; %d commands acknowledged before, %d in flight", i+1,
			micros(one.Listening), micros(one.FirstAnswer), s.Sample, micros(one.Sampled), one.CPU, megabytes(one.RSS), megabytes(one.SampledRSS), one.Acked, one.Unanswered)
	}
	slowest := slices.MaxFunc(r.Tries, func(a, b Start) int { return int(a.FirstAnswer - b.FirstAnswer) })
	t.line("slowest first answer", "%s after the start", micros(slowest.FirstAnswer))
	t.line("one bare fsync here", "p50 %s, p99 %s", micros(m.Fsync.P50), micros(m.Fsync.P99))
	t.line("one bare socket write here", "%.1f µs", m.SocketWrite)
	return t.w.Flush()
}
