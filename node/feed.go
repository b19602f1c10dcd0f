package node

import (
	"net/http"

	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/feed"
	"github.com/tutti-rt/tutti/journal"
)

// makeFeed returns what serves the journal's events to the operator's consumers; nil when the journal has no replicas to be read
// beside their owners. A node without a journal names the nodes that have one.
func (n *Node) makeFeed(log journal.Journal) *feed.Handler {
	var source feed.Source
	if log != nil {
		replicas, ok := log.(feed.Replicas)
		if !ok {
			return nil
		}
		source = feed.NewLocal(replicas, feed.LocalConfig{Identity: log.ID()}) // the same on all nodes that hold replicas of the same logs
	}
	layout := feed.Layout{Partitions: n.partitions(), Pools: make(map[string]string)}
	for _, c := range n.ownCategories() {
		layout.Pools[c.Name()] = c.Untyped().Options.WithDefaults().Pool
	}
	return feed.NewHandler(feed.HandlerConfig{
		Source: source, Layout: layout, Elsewhere: n.c.Replicas, Waiting: edge.Waiting, Logger: n.c.Logger,
	})
}

// registerFeed mounts the feed, or what says that there is none.
func registerFeed(h *feed.Handler, mux *http.ServeMux) {
	if h != nil {
		h.Register(mux)
		return
	}
	mux.HandleFunc("GET /admin/v1/events", func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, http.StatusNotImplemented, "the journal of this node cannot be followed")
	})
}

func newFeedMetrics(h *feed.Handler) *collector[feed.HandlerStats] {
	return newCollector("tutti_feed_", h.Stats, []metric[feed.HandlerStats]{
		{"followers", "Streams of events to consumers.", gauge, func(s feed.HandlerStats) float64 { return float64(s.Followers) }},
		{"items_total", "Events sent to consumers.", counter, func(s feed.HandlerStats) float64 { return float64(s.Items) }},
		{"refused_total", "Requests for a stream of events that were refused.", counter, func(s feed.HandlerStats) float64 { return float64(s.Refused) }},
	})
}
