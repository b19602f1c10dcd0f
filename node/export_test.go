package node

import "github.com/prometheus/client_golang/prometheus"

// Metrics returns what /metrics serves, for tests in a bubble, where no socket is.
func (n *Node) Metrics() prometheus.Gatherer { return n.metrics }
