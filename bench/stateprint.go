package bench

import (
	"io"
	"time"
)

// Print writes the result as a table.
func (r *StateResult) Print(to io.Writer, m Machine) error {
	t := newReport(to)
	s := r.Settings
	t.line("state", "%s of %d bytes, %d connections change it, %s", s.Category, s.Size, s.Senders, pace(s.Rate))
	t.line("viewers", "%d", s.Viewers)
	t.line("durable commands", "%d in %.1f s", r.Commands, r.Window.Seconds)
	if r.Rejected > 0 {
		t.line("rejected", "%d", r.Rejected)
	}
	if r.Joined > 0 {
		t.line("links that came", "%d, each with a welcome of %.2f MB", r.Joined, float64(r.WelcomeLen)/1e6)
	}
	if e := r.Snapshots; e != nil && e.Count > 0 {
		t.line("snapshots", "%d of %.2f MB, each stored after %s", e.Count, float64(e.Bytes)/float64(e.Count)/1e6, seconds(e.Seconds))
		t.line("turns' time for them", "p99 below %s, at most %s, %d turns over 20 ms", seconds(e.TurnP99), seconds(e.TurnMax), e.Over20)
	}
	if e := r.Views; e != nil && e.Count > 0 {
		t.line("turns that encoded views", "%d, at most %s", e.Count, seconds(e.TurnMax))
	}
	if r.Activation > 0 {
		t.line("welcome after a restart", "%s", micros(r.Activation))
	}
	if r.Conflated > 0 {
		t.line("conflated", "%d events came as a fresh state", r.Conflated)
	}
	t.line("verified", "%s", verified(r.Verified, "every viewer got every event, and who comes sees what they make"))
	t.head()
	t.latency("command to answer", r.All)
	t.latency("  no link comes, no snapshot", r.Quiet)
	t.latency("  across snapshots", r.Snapshot)
	t.latency("  while links come", r.Joining)
	t.latency("command to a viewer", r.Delivery)
	t.latency("  while links come", r.Delivered)
	t.latency("link to its whole welcome", r.Join)
	t.machine(r.Window, m, "commands", r.CPUPerMillion)
	return t.w.Flush()
}

// seconds writes a duration with three digits.
func seconds(s float64) string { return micros(time.Duration(s * float64(time.Second)).Microseconds()) }
