package proof

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/tutti-rt/tutti/internal/histories"
	"github.com/tutti-rt/tutti/internal/latency"
	"github.com/tutti-rt/tutti/wire"
)

// Result is what a run found.
type Result struct {
	Seed     uint64  `json:"seed"`
	Nodes    int     `json:"nodes"`
	Seconds  float64 `json:"seconds"`
	Schedule string  `json:"schedule"`
	// Interrupted says that the run ended before its schedule: what was measured until then is here, and nothing is judged.
	Interrupted bool `json:"interrupted,omitempty"`

	// FirstAck is how long it took from each fault until the first acknowledgement, in each partition that the victim led, of a command
	// that was sent after the fault.
	FirstAck map[Kind]latency.Spans `json:"first_ack"`
	// Pause is the longest time without an acknowledgement in each of them, from the fault until it had passed.
	Pause map[Kind]latency.Spans `json:"pause"`
	// Meanwhile is how long commands took in them then.
	Meanwhile map[Kind]latency.Spans `json:"commands_meanwhile"`
	// Pauses is how long partitions paused that one node gave another.
	Pauses Pauses `json:"pauses"`
	Never  int    `json:"partitions_that_never_came_back"`

	// Quiet is how long commands took before the first fault, and Changes who got another leader or term then.
	Quiet        latency.Spans `json:"commands_in_quiet"`
	QuietSeconds float64       `json:"quiet_seconds"`
	Changes      []string      `json:"changes_in_quiet"`
	Watched      bool          `json:"watched"` // the nodes say who leads
	// Late are partitions that took longer than a second.
	Late []string `json:"late,omitempty"`

	// Load is how many commands of the senders were acknowledged a second, and Refused how many were refused.
	Load    float64 `json:"load_per_second,omitempty"`
	Refused int64   `json:"load_refused,omitempty"`

	Clients    int                       `json:"clients"`
	Ops        int                       `json:"operations"`
	Judged     histories.Counts          `json:"judged"`
	Linear     map[histories.Verdict]int `json:"linear"`
	Pictures   []string                  `json:"pictures,omitempty"`
	Violations []histories.Violation     `json:"violations"`
}

// result measures and, unless the run was interrupted, judges.
func (r *run) result(interrupted bool) (*Result, error) {
	all := r.recorder.Histories()
	res := &Result{
		Seed: r.config.Seed, Nodes: len(r.config.Nodes), Seconds: r.recorder.Now().Seconds(), Schedule: r.config.Schedule.String(),
		FirstAck: make(map[Kind]latency.Spans), Pause: make(map[Kind]latency.Spans), Meanwhile: make(map[Kind]latency.Spans), Linear: make(map[histories.Verdict]int),
		Clients: int(r.numbers.Load()), Violations: r.troubles, Watched: r.watch.asked > 0, Interrupted: interrupted,
		Load: float64(r.load.acked.Load()) / r.recorder.Now().Seconds(), Refused: r.load.refused.Load(),
	}
	for _, h := range all {
		res.Ops += len(h.Ops)
	}
	if !interrupted {
		if err := r.judge(res, all); err != nil {
			return nil, err
		}
	}
	r.measure(res, all)
	return res, nil
}

// judge finds what cannot have been.
func (r *run) judge(res *Result, all []*histories.History) error {
	j := histories.NewJudge()
	for _, h := range all {
		j.Hear(h)
		verdict, err := h.Linear(r.config.Limit, r.picture(h))
		if err != nil {
			return err
		}
		res.Linear[verdict]++
		if verdict == histories.Impossible {
			res.Violations = append(res.Violations, histories.Violation{Entity: h.Name(), Broken: "commands and queries can have happened one at a time"})
			if p := r.picture(h); p != "" {
				res.Pictures = append(res.Pictures, p)
			}
		}
	}
	j.Close()
	res.Judged = j.Counts
	res.Violations = append(res.Violations, j.Violations...)
	return nil
}

// ack is an acknowledged command.
type ack struct{ began, ended time.Duration }

// lateTime is when a first acknowledgement is late.
const lateTime = time.Second

// measure finds out how long everything took.
func (r *run) measure(res *Result, all []*histories.History) {
	acks := r.acks(all)
	firsts, pauses, took := make(map[Kind][]time.Duration), make(map[Kind][]time.Duration), make(map[Kind][]time.Duration)
	for i := range r.faults {
		f := &r.faults[i]
		kind, end := f.step.Kind, min(f.end+calmTime, r.stopped)
		if i+1 < len(r.faults) {
			end = min(end, r.faults[i+1].begin)
		}
		for _, p := range f.led {
			first, pause, commands := around(acks[p], f.begin, end)
			took[kind] = append(took[kind], commands...)
			pauses[kind] = append(pauses[kind], pause)
			if first < 0 && res.Interrupted {
				continue
			}
			if first < 0 {
				res.Never++
				res.Violations = append(res.Violations, histories.Violation{
					Entity: fmt.Sprintf("partition %d", p), Broken: "a partition serves again", Told: fmt.Sprintf("no command sent after %s was acknowledged", f.step),
				})
				continue
			}
			if first > lateTime {
				res.Late = append(res.Late, fmt.Sprintf("%s %s: partition %d after %s", f.begin.Round(time.Millisecond), f.step, p, first.Round(time.Millisecond)))
			}
			firsts[kind] = append(firsts[kind], first)
		}
	}
	for kind := range pauses {
		res.FirstAck[kind], res.Pause[kind], res.Meanwhile[kind] = latency.SpansOf(firsts[kind]), latency.SpansOf(pauses[kind]), latency.SpansOf(took[kind])
	}
	r.quiet(res, acks)
}

// acks returns the acknowledged commands of each partition by the time of their acknowledgement.
func (r *run) acks(all []*histories.History) [][]ack {
	acks := make([][]ack, r.config.Partitions)
	for _, h := range all {
		p := wire.Partition(h.Category, h.ID, r.config.Partitions)
		for i := range h.Ops {
			if o := &h.Ops[i]; !o.Query && o.Outcome == histories.Acked {
				acks[p] = append(acks[p], ack{o.Began, o.Ended})
			}
		}
	}
	for _, p := range acks {
		slices.SortFunc(p, func(a, b ack) int { return cmp.Compare(a.ended, b.ended) })
	}
	return acks
}

// around returns how long after begin the first command was acknowledged that was sent after it, or -1; the longest time without an
// acknowledgement between begin and end; and how long those took that were acknowledged then.
func around(acks []ack, begin, end time.Duration) (first, pause time.Duration, took []time.Duration) {
	first = -1
	last := begin
	for _, a := range acks {
		if first < 0 && a.began >= begin {
			first = a.ended - begin
		}
		if a.ended < begin || last >= end {
			continue
		}
		pause = max(pause, a.ended-last)
		last = a.ended
		took = append(took, a.ended-a.began)
	}
	if last < end {
		pause = max(pause, end-last)
	}
	return first, pause, took
}

// quiet looks at the time before the first fault.
func (r *run) quiet(res *Result, acks [][]ack) {
	if r.calm == 0 {
		return // it was not reached
	}
	until := min(r.calm+r.config.Quiet, r.stopped)
	if len(r.faults) > 0 {
		until = r.faults[0].begin
	}
	res.QuietSeconds = max(0, until-r.calm).Seconds()
	var took []time.Duration
	for _, p := range acks {
		for _, a := range p {
			if a.began >= r.calm && a.ended < until {
				took = append(took, a.ended-a.began)
			}
		}
	}
	res.Quiet = latency.SpansOf(took)
	for _, c := range r.watch.changes {
		if c.at >= r.calm && c.at < until {
			res.Changes = append(res.Changes, fmt.Sprintf("%s %s", c.at.Round(time.Millisecond), c.what))
		}
	}
}
