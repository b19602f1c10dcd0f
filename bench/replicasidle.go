package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/internal/process"
)

// wireFigures are what nodes send each other for a command, and which of their metrics say so, with all their labels.
var wireFigures = []struct {
	name    string
	metrics []string
}{
	{"bytes between nodes", []string{"tutti_peer_wire_sent_bytes_total", "tutti_bus_lane_bytes_sent_total"}},
	{"of those of replication", []string{"tutti_peer_wire_sent_bytes_total"}},
	{"writes of replication", []string{"tutti_peer_writes_total"}},
	{"frames of replication", []string{"tutti_peer_frames_sent_total"}},
	{"messages of the bus", []string{"tutti_bus_lane_messages_sent_total"}},
}

// groupWindow is what the nodes of a group did in a time.
type groupWindow struct {
	group   Group
	cores   int
	began   time.Time
	before  []process.Usage
	figures []map[string]float64

	seconds float64
	opened  time.Time            // before the nodes were asked what they had used
	around  float64              // seconds from then until they had said it again
	cpu     []float64            // seconds, of each node
	did     []map[string]float64 // how much the figures of each have grown
}

// open begins to look.
func (g Group) open(ctx context.Context) (*groupWindow, error) {
	w := &groupWindow{group: g, cores: runtime.GOMAXPROCS(0)}
	var err error
	w.opened = time.Now()
	w.before, w.figures, err = g.look(ctx)
	w.began = time.Now()
	return w, err
}

// shut ends looking.
func (w *groupWindow) shut(ctx context.Context) error {
	if w == nil {
		return errors.New("nobody has looked at the nodes")
	}
	w.seconds = time.Since(w.began).Seconds()
	used, figures, err := w.group.look(ctx)
	if err != nil {
		return err
	}
	w.around = time.Since(w.opened).Seconds()
	for i := range used {
		w.cpu = append(w.cpu, (used[i].CPU - w.before[i].CPU).Seconds())
		did := make(map[string]float64)
		for name, v := range figures[i] {
			did[name] = v - w.figures[i][name]
		}
		w.did = append(w.did, did)
	}
	return nil
}

// of returns how much figures of all nodes have grown, each with whatever labels.
func (w *groupWindow) of(names ...string) (sum float64) {
	for _, did := range w.did {
		for name, grown := range did {
			name, _, _ = strings.Cut(name, "{")
			if slices.Contains(names, name) {
				sum += grown
			}
		}
	}
	return sum
}

func (g Group) look(ctx context.Context) (all []process.Usage, figures []map[string]float64, err error) {
	for _, n := range g.Nodes {
		u, err := n.Usage()
		if err != nil {
			return nil, nil, err
		}
		f, err := n.Metrics(ctx)
		if err != nil {
			return nil, nil, err
		}
		all, figures = append(all, u), append(figures, f)
	}
	return all, figures, nil
}

// idle watches all nodes of both groups do nothing.
func (r *replicasRun) idle(ctx context.Context, with, part string) error {
	wait(ctx, idleSettle, nil, r.progress)
	r.passed += idleSettle
	r.part(1, part)
	var windows [2]*groupWindow
	for i, g := range r.groups {
		var err error
		if windows[i], err = g.open(ctx); err != nil {
			return err
		}
	}
	wait(ctx, r.Idle, nil, r.progress)
	r.passed += r.Idle
	for i, w := range windows {
		if err := w.shut(ctx); err != nil {
			return err
		}
		var most float64
		for _, used := range w.cpu {
			most = max(most, used)
		}
		r.note(i, "idle, "+with+": CPU of the busiest node", "% of a core", 100*most/w.seconds)
		r.noteSeveral(i, "idle, "+with+": bytes between nodes a second", "", w.of(wireFigures[0].metrics...)/w.seconds)
		r.note(i, "idle, "+with+": resident memory of a node", "MB", r.resident(i))
	}
	return ctx.Err()
}

// resident returns what the largest node of a group has in memory, in MB.
func (r *replicasRun) resident(i int) (most float64) {
	for _, n := range r.groups[i].Nodes {
		if u, err := n.Usage(); err == nil {
			most = max(most, float64(u.RSS)/1e6)
		}
	}
	return most
}

// idleLinks watches all nodes while they have links that do nothing.
func (r *replicasRun) idleLinks(ctx context.Context) error {
	var ending atomic.Bool
	readers := newCrew()
	var all []*placedSender
	defer func() {
		for _, s := range all {
			s.link.close()
		}
	}()
	for _, g := range r.groups {
		senders, closeAll, err := g.senders(ctx, r.Links)
		if err != nil {
			closeAll()
			return err
		}
		all = append(all, senders...)
	}
	for _, s := range all {
		readers.add(func() error {
			for {
				if err := s.link.read(func([]byte, time.Time) error { return nil }); err != nil {
					if ending.Load() && errors.Is(err, net.ErrClosed) {
						return nil
					}
					return fmt.Errorf("idle link at %s: %w", s.entity, err)
				}
			}
		})
	}
	err := r.idle(ctx, fmt.Sprintf("with %d links", r.Links), "idle-links")
	ending.Store(!readers.hasFailed())
	for _, s := range all {
		s.link.close()
	}
	return errors.Join(err, readers.wait())
}
