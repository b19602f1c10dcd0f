package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tutti-rt/tutti/bench"
)

// report is all that was measured.
type report struct {
	Began    time.Time     `json:"began"`
	Took     float64       `json:"seconds"`
	Versions string        `json:"versions"`
	Machine  bench.Machine `json:"machine"`
	Rows     []row         `json:"rows"`
}

// row is one load of one server.
type row struct {
	Load    string            `json:"load"`
	About   string            `json:"about"`
	Server  string            `json:"server"`
	Version string            `json:"version,omitempty"`
	Durable bool              `json:"durable"`
	Remark  string            `json:"remark,omitempty"`
	Error   string            `json:"error,omitempty"`
	Result  *bench.PeerResult `json:"result,omitempty"`
	of      load
}

func (r *report) failures() error {
	var errs []error
	for _, w := range r.Rows {
		if w.Error != "" {
			errs = append(errs, fmt.Errorf("%s: %s: %s", w.Load, w.Server, w.Error))
		}
	}
	return errors.Join(errs...)
}

func (r *report) printJSON(to io.Writer) error {
	e := json.NewEncoder(to)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

var head = []string{"load", "server", "a second", "of wanted", "p50", "p99", "CPU-s for 1M", "remark"}

// printTable writes one table, which is Markdown, too.
func (r *report) printTable(to io.Writer) error {
	lines := [][]string{head, nil}
	bound := false
	for i, w := range r.Rows {
		bound = bound || w.Result != nil && w.Result.Window.GeneratorBound
		name := ""
		if i == 0 || r.Rows[i-1].Load != w.Load {
			name = w.Load
		}
		lines = append(lines, append([]string{name}, w.cells()...))
	}
	var b strings.Builder
	for _, l := range aligned(lines) {
		b.WriteString(l)
	}
	fmt.Fprintf(&b, "\n%s, %d cores, %s, in %.0f s. One bare fsync here: p50 %s, p99 %s; one bare socket write: %.1f µs.\n",
		r.Versions, r.Machine.Cores, r.Began.Format(time.DateOnly), r.Took, micros(r.Machine.Fsync.P50), micros(r.Machine.Fsync.P99), r.Machine.SocketWrite)
	for i, w := range r.Rows {
		if i == 0 || r.Rows[i-1].Load != w.Load {
			fmt.Fprintf(&b, "%s: %s.\n", w.Load, w.About)
		}
	}
	b.WriteString(notes)
	if bound {
		b.WriteString("* The load generator used more of the machine than the server did: the server might do better.\n")
	}
	_, err := io.WriteString(to, b.String())
	return err
}

const notes = `Latencies of fan-out and echo count from when a text was due; what had not come in the end counts with its age then.
CPU is that of the server for 1M deliveries, echoes or increments. Every server is one process on the same cores as the load generator.
uWebSockets.js is not in the npm registry; what is measured are its binaries as @trufflesuite/uws-js-unofficial packages them.
`

// cells are those of the row, from the server on.
func (w row) cells() []string {
	name := strings.TrimSpace(w.Server + " " + w.Version)
	if w.Result == nil {
		return []string{name, "failed", "", "", "", "", w.Remark}
	}
	res := w.Result
	if w.of.role == roleIdle {
		return []string{name, "", "", "", "", "", strings.TrimSuffix(fmt.Sprintf("%.1f KB of RSS for a link, %s", float64(res.LinkBytes)/1000, w.Remark), ", ")}
	}
	share := ""
	if res.Wanted > 0 {
		share = percent(res.Share)
	}
	cpu := "unknown"
	if res.Window.ServerCPU > 0 {
		cpu = fmt.Sprintf("%.3g", res.CPUPerMillion)
	}
	if res.Window.GeneratorBound {
		cpu += " *"
	}
	return []string{name, fmt.Sprintf("%.0f", res.PerSecond), share, micros(res.Latency.P50), micros(res.Latency.P99), cpu, w.Remark}
}

// percent never calls 100 % what is less.
func percent(share float64) string {
	switch {
	case share >= 0.9995:
		return "100 %"
	case share >= 0.1:
		return fmt.Sprintf("%.1f %%", 100*share)
	}
	return fmt.Sprintf("%.2g %%", 100*share)
}

// micros writes a duration with three digits.
func micros(us int64) string {
	switch {
	case us < 1000:
		return fmt.Sprintf("%d µs", us)
	case us < 1e6:
		return fmt.Sprintf("%.3g ms", float64(us)/1e3)
	}
	return fmt.Sprintf("%.3g s", float64(us)/1e6)
}

// aligned writes cells as lines of Markdown; a nil line is the one below the head.
func aligned(lines [][]string) []string {
	width := make([]int, len(lines[0]))
	for _, l := range lines {
		for i, c := range l {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	out := make([]string, len(lines))
	for k, l := range lines {
		var b strings.Builder
		for i, n := range width {
			cell, fill := "", " "
			if l == nil {
				fill = "-"
			} else {
				cell = l[i]
			}
			b.WriteString("| " + cell + strings.Repeat(fill, n-utf8.RuneCountInString(cell)) + " ")
		}
		out[k] = b.String() + "|\n"
	}
	return out
}
