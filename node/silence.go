package node

import (
	"context"
	"log/slog"
	"time"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/journal"
)

// silenceEvery is how often a node looks who is silent.
const silenceEvery = 10 * time.Second

// silence finds nodes that replicate with this one and that it does not hear on the bus, as where a firewall lets one of the two
// through. Clients here do not reach what such a node owns, and nothing else says why.
type silence struct {
	nodes func() cluster.Registry
	up    func(journal.NodeID) bool // it is another node, and connected
	heard func(name string) bool    // on the bus
	log   *slog.Logger

	since map[string]time.Time // those that are silent; zero once that has been said
}

func (s *silence) run(ctx context.Context) error {
	tick := time.NewTicker(silenceEvery)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			s.look(now)
		case <-ctx.Done():
			return nil
		}
	}
}

// look says who has been silent the last time as well.
func (s *silence) look(now time.Time) {
	silent := make(map[string]time.Time)
	all := s.nodes().Nodes
	for i := range all {
		n := &all[i]
		since, before := s.since[n.Name]
		switch {
		case !n.State || !s.up(n.ID):
		case s.heard(n.Name):
			if before && since.IsZero() {
				s.log.Info("node is heard on the bus again", "node", n.Name)
			}
		case !before:
			silent[n.Name] = now
		case !since.IsZero() && now.Sub(since) < silenceEvery/2: // the process has stood still
			silent[n.Name] = since
		default:
			if !since.IsZero() {
				s.log.Error("node is connected, and not heard on the bus: clients of this one do not reach what it owns; see that both reach each other's --nats-listen, or the same NATS",
					"node", n.Name, "routes", n.Routes, "since", since)
			}
			silent[n.Name] = time.Time{}
		}
	}
	s.since = silent
}
