package bench

import (
	"fmt"
	"io"
)

// Print writes the result as a table.
func (r *EntitiesResult) Print(to io.Writer, m Machine) error {
	t := newReport(to)
	s, i := r.Settings, r.Idle
	t.line("entities", "%d, of which %d were made by a connection's command", s.Entities, s.ByLink)
	t.line("made by other entities", "%s", r.Created)
	t.line("made by links", "%s", r.CreatedLink)
	t.line("idle entity, heap profile", "%.0f bytes, with its state; %.0f with the connection that made it", i.Profile, i.ProfileLink)
	t.line("idle entity, growth of", "the whole heap %.0f bytes, resident memory %.0f; the server takes it for %.0f", i.Heap, i.RSS, i.Estimate)
	t.line("goroutines", "%d before, %d with all entities; resident memory %s", i.Before, i.Goroutines, megabytes(i.ServerRSS))
	t.line("activations, files in memory", "%s", r.Warm)
	t.line("", "in the server: %s", r.WarmTimes)
	h := r.Short
	t.line("memory for a part", "%s, for %.0f%%: at most %s as estimated, %s resident; %d entities stay", megabytes(h.Budget), 100*s.Share, megabytes(h.Most), megabytes(h.MostRSS), h.Resident)
	t.line("uses", "%d, %.0f/s, by a Zipf law of exponent %g", h.Uses, h.PerSecond, s.Skew)
	t.line("hit rate", "%.2f%% (at best %.2f%%); %d activations, %d passivations", 100*h.HitRate, 100*h.BestHitRate, h.Activations, h.Passivations)
	t.line("", "in the server: %s", h.Times)
	t.line("verified", "%s", verified(r.Verified, "each entity asked holds exactly what was told it"))
	t.head()
	t.latency("link to welcome, from the disk, files not in memory", r.Cold)
	t.latency("link to welcome, entity in memory", r.Hot)
	t.latency("link to welcome, from the disk, while short of memory", h.Welcome)
	t.latency("commands of another, while all fits", h.Before)
	t.latency("commands of another, while short of memory", h.During)
	t.line("one bare fsync here", "p50 %s, p99 %s", micros(m.Fsync.P50), micros(m.Fsync.P99))
	t.line("one bare socket write here", "%.1f µs", m.SocketWrite)
	return t.w.Flush()
}

// String says how fast something was.
func (r Rate) String() string {
	return fmt.Sprintf("%.0f/s (%d in %.1f s, %.1f s of the server's CPU for 1M)", r.PerSecond, r.Count, r.Seconds, perMillion(r.ServerCPU, uint64(r.Count)))
}

// String says how long activations took.
func (t ServerTimes) String() string {
	return fmt.Sprintf("mean %s, p50 at most %s, p99 at most %s", micros(int64(t.Mean)), micros(int64(t.P50)), micros(int64(t.P99)))
}
