package soak

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/tutti-rt/tutti/bench"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// codes says how many commands were rejected with which code.
func (r *Result) codes() string {
	var all []string
	for _, code := range slices.Sorted(maps.Keys(r.Refusals)) {
		all = append(all, fmt.Sprintf("%d %s", r.Refusals[code], code))
	}
	return strings.Join(all, ", ")
}

// Print writes the result as a table.
func (r *Result) Print(to io.Writer, m bench.Machine) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	v := &r.Verified
	line("seed", "%d", r.Seed)
	line("load", "%.0f s, %g commands/s asked for, %.0f/s answered", r.Seconds, r.Rate, float64(r.Acked+r.Refused)/r.Seconds)
	line("clients", "%d connections at %d entities over %d links: %d dropped, %d ended by the node, %d resumed, %d too far behind for it", r.Connections, r.Places, r.Links, r.Dropped, r.Ended, r.Resumed, r.Anew)
	if r.Posts > 0 {
		line("of them without WebSocket", "%d streams of events, for which %d tickets were given; %d polls; %d POSTs", r.Streams, r.Tickets, r.Polls, r.Posts)
	}
	if n := &r.Network; n.Connections > 0 {
		line("network", "%d TCP connections, %d cut at some byte, %d of them silently; %d stalls", n.Connections, n.Cuts, n.Silences, n.Stalls)
	}
	if r.Called > 0 {
		line("without a connection", "%d commands with keys acknowledged, %d sent again afterwards; %d views", r.Called, r.Twice, r.Views)
	}
	line("ends", "%d kills, %d of them while it started; %d drains", r.Kills, r.KillAgain, r.Drains)
	line("kill to first acknowledgement", "%s", r.Pause)
	line("kill to listening", "%s", r.Start)
	line("drain", "%s", r.Stop)
	line("commands", "%d acknowledged, %d rejected (%s), %d of unknown fate, %d resent, %d not sent in time", r.Acked, r.Refused, r.codes(), r.Unknown, r.Resent, r.Held)
	line("seen", "%d events, %d states, %d messages, %d frames of presence", r.Events, r.States, r.Messages, r.Presences)
	line("queries", "%d asked, %d answered", r.Asked, r.Answered)
	line("slow readers", "stopped %d times, %d fresh states in their streams", r.Dozed, r.Conflated)
	line("rooms", "%d joined, %d left", r.Joined, r.Left)
	fmt.Fprintln(w)
	line("journal", "%d batches, %d records, %d events, read twice in %.1f s", v.Batches, v.Records, v.Events, r.Verifying)
	line("acknowledged commands", "%d, each stored once, at its revision, as it was sent", v.Acked)
	line("rejected commands", "%d, none stored", v.Rejected)
	line("commands of unknown fate", "%d, %d of them stored, once", v.Unknown, v.Carried)
	if v.Called > 0 {
		line("commands with keys", "%d, each stored once", v.Called)
	}
	line("delivered events", "%d, each as it is stored, none missing, none twice", v.Deliveries)
	line("states shown", "%d, each the fold of the events up to its revision", v.States)
	line("transfers", "%d taken once, %d returned; %d deposited, and held in the end", v.Transfers, v.Returned, v.Money)
	line("alarms", "%d, each rang once and not early", v.Alarms)
	fmt.Fprintln(w)
	line("server CPU", "%.1f s: %.1f s for 1M commands with all that was seen of them", r.ServerCPU, r.CPUPerMillion)
	line("server memory", "%s in the first quarter, %s in the last, %+.1f MB an hour, at most %s", megabytes(r.Memory.FirstQuarter), megabytes(r.Memory.LastQuarter), r.Memory.PerHour/1e6, megabytes(r.Memory.Peak))
	line("with all links", "%d links, %d goroutines, %d open files, %d of them sockets", r.Full.Links, r.Full.Goroutines, r.Full.Files, r.Full.Sockets)
	line("when all had gone", "%d links, %d goroutines, %d open files, %d of them sockets", r.Rest.Links, r.Rest.Goroutines, r.Rest.Files, r.Rest.Sockets)
	line("data directory", "%s half way, %s in the end; %s of what clients were told", megabytes(r.Disk.Half), megabytes(r.Disk.End), megabytes(r.Disk.Notes))
	line("one bare fsync here", "p50 %d µs, p99 %d µs", m.Fsync.P50, m.Fsync.P99)
	line("one bare socket write here", "%.1f µs", m.SocketWrite)
	for _, f := range r.First {
		line("FAILED", "%s", f)
	}
	line("verified", "%s", map[bool]string{true: "everything above", false: fmt.Sprintf("NO: %d failures, with the seed %d", r.Failures, r.Seed)}[r.Failures == 0])
	return w.Flush()
}
