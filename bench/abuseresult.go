package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// AbuseResult is what came out.
type AbuseResult struct {
	Settings  Abuse            `json:"settings"`
	Seconds   float64          `json:"seconds"` // of each abuse
	Scenarios []ScenarioResult `json:"scenarios"`
}

// ScenarioResult is what came out of one scenario.
type ScenarioResult struct {
	Name         string     `json:"name"`
	What         string     `json:"what"`
	Seconds      float64    `json:"seconds"` // of the abuse
	Commands     [3]Latency `json:"commands"`
	Events       [3]Latency `json:"events"`   // to the viewers; before, during and after, as Commands
	Connects     [3]Latency `json:"connects"` // of newcomers, from when each was due to its welcome
	Refused      uint64     `json:"refused"`  // newcomers while the abuse lasted
	Refusal      string     `json:"refusal,omitempty"`
	Acknowledged uint64     `json:"acknowledged"` // commands of bystanders
	Rejected     uint64     `json:"rejected"`
	Rejection    string     `json:"rejection,omitempty"`
	Seen         uint64     `json:"seen"`    // events by viewers
	Returns      uint64     `json:"returns"` // bystanders that lost their link and came back
	Memory       Memory     `json:"memory"`
	Links        Spread     `json:"links"`
	Goroutines   Spread     `json:"goroutines"`
	ServerCPU    float64    `json:"server_cpu_seconds"` // during the abuse
	Figures      []Figure   `json:"figures"`
	// Verified says that nothing acknowledged was lost, before and after a kill -9 in the end, that no viewer had a
	// gap, that nothing was left of the abusers, and that they were dealt with as promised.
	Verified bool   `json:"verified"`
	Problem  string `json:"problem,omitempty"`
}

// Memory is the resident memory of a node, in bytes.
type Memory struct {
	Before int64 `json:"before"`
	Peak   int64 `json:"peak"` // of the abuse and after it
	After  int64 `json:"after"`
}

// Spread is a number before, during and after the abuse.
type Spread struct {
	Before int `json:"before"`
	Most   int `json:"most"` // while it lasted, of 20 samples
	After  int `json:"after"`
}

// count takes what the bystanders have seen.
func (r *ScenarioResult) count(c *crowd) {
	for p := range phaseOver {
		r.Commands[p], r.Events[p], r.Connects[p] = c.commands[p].latency(), c.events[p].latency(), c.connects[p].latency()
	}
	r.Refused = c.turnedAway.Load()
	if why := c.turnedBy.Load(); why != nil {
		r.Refusal = *why
	}
	for _, b := range c.senders {
		r.Acknowledged += b.acked.Load()
		r.Rejected += b.refused.Load()
		r.Returns += b.returns.Load()
		if code := b.refusal.Load(); code != nil {
			r.Rejection = *code
		}
	}
	for _, v := range c.viewers {
		r.Seen += v.events.Load()
	}
}

// Print writes the result as a table: a line for each scenario, and then what each has to say.
func (r *AbuseResult) Print(to io.Writer, m Machine) error {
	t := newReport(to)
	t.line("bystanders", "%d connections send %d commands/s, %d viewers of one board, latency from when each was due",
		crowdSenders, crowdRate(), crowdViewers)
	t.line("abuse", "%.0f s each, scale %g", r.Seconds, r.Settings.Scale)
	t.line("one bare fsync here", "p50 %s, p99 %s", micros(m.Fsync.P50), micros(m.Fsync.P99))
	if err := t.w.Flush(); err != nil {
		return err
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nscenario\tp99 of commands\tof events\tof newcomers\tturned away\tmemory\tserver CPU\tverified")
	for _, s := range r.Scenarios {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s → %s → %s\t%.1f s\t%s\n", s.Name,
			around(s.Commands), around(s.Events), around(s.Connects), s.Refused,
			megabytes(s.Memory.Before), megabytes(s.Memory.Peak), megabytes(s.Memory.After), s.ServerCPU, verified(s.Verified, "yes"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, s := range r.Scenarios {
		s.print(to)
	}
	return nil
}

func (r *ScenarioResult) print(to io.Writer) {
	fmt.Fprintf(to, "\n%s: %s\n", r.Name, r.What)
	t := newReport(to)
	for _, f := range r.Figures {
		t.line("  "+f.Name, "%s", f)
	}
	t.line("  links before, at most, after", "%d, %d, %d", r.Links.Before, r.Links.Most, r.Links.After)
	t.line("  goroutines before, at most, after", "%d, %d, %d", r.Goroutines.Before, r.Goroutines.Most, r.Goroutines.After)
	t.line("  bystanders", "%d commands acknowledged, %d events seen, %d links came back", r.Acknowledged, r.Seen, r.Returns)
	if r.Refused > 0 {
		t.line("  newcomers turned away", "%d (%s)", r.Refused, r.Refusal)
	}
	t.line("  longest for a bystander", "%s of a command, %s of an event, %s of a newcomer",
		micros(r.Commands[phaseDuring].Max), micros(r.Events[phaseDuring].Max), micros(r.Connects[phaseDuring].Max))
	if r.Rejected > 0 {
		t.line("  rejected", "%d (%s)", r.Rejected, r.Rejection)
	}
	_ = t.w.Flush() // the caller's next write says what is wrong
	if r.Problem != "" {
		fmt.Fprintln(to, "  NOT AS PROMISED:", r.Problem)
	}
}

// around writes the p99 before, during and after.
func around(l [3]Latency) string {
	return micros(l[0].P99) + " → " + micros(l[1].P99) + " → " + micros(l[2].P99)
}

// rose adds what the node itself counted, where that is anything.
func (r *ScenarioResult) rose(by map[string]float64) {
	for _, m := range []struct{ name, says string }{
		{"tutti_edge_handshakes_accepted_total", "handshakes accepted"},
		{"tutti_edge_handshakes_refused_total", "handshakes refused"},
		{"tutti_edge_frames_in_total", "frames in"},
		{"tutti_edge_blocked_total", "sockets that took no more bytes"},
		{"tutti_edge_conflations_total", "conflations"},
		{"tutti_edge_slow_consumers_total", "ended as slow consumers"},
		{"tutti_edge_rate_limited_total", "rate limited"},
	} {
		if by[m.name] > 0 {
			r.Figures = append(r.Figures, Figure{Name: m.says + ", by the node's count", Value: by[m.name]})
		}
	}
}

// String returns value and unit.
func (f Figure) String() string {
	s := fmt.Sprintf("%.0f", f.Value)
	if f.Value < 10 && f.Value != float64(int(f.Value)) {
		s = fmt.Sprintf("%.2f", f.Value)
	}
	if f.Unit != "" {
		s += " " + f.Unit
	}
	return s
}

func crowdRate() int {
	return (crowdSenders-crowdPainters)*int(1e9/senderPause) + crowdPainters*int(1e9/painterPause)
}
