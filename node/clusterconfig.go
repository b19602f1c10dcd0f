package node

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/peer"
)

// Cluster makes a node one of several. Zero fields mean the defaults named there.
type Cluster struct {
	// Name is that of the cluster, Node that of this node in it, no other's: [a-z0-9][a-z0-9-]{0,31}. Both are required.
	Name, Node string
	// Secret is what the nodes have in common and nobody else knows, 32 bytes at least. Instead of it Files may name
	// certificates, for connections between nodes; the bus within nodes then is not used, and NATS is required.
	Secret []byte
	Files  *peer.Files
	// Listen is where other nodes reach this one (default ":7946"), Listener is used instead where there is one. Advertise is how
	// they reach it (default: the address of the listener, which then has to name a host).
	Listen    string
	Listener  net.Listener
	Advertise string
	// Join are addresses of nodes of the cluster, for the first start of this one. Without any it founds the cluster, or
	// goes on alone.
	Join []string
	// Edge and State are its roles (default: both). Without State it holds no data, and Data counts for nothing.
	Edge, State bool
	// Labels are what pools may ask for, such as region; Weight is its share of partitions (default 100).
	Labels map[string]string
	Weight int
	// NATS is the URL of a NATS that all nodes use. Empty: each node has a server of its own, which listens for the others' at
	// RouteListen (default ":6222") and is reached at RouteAdvertise (default: the host of Advertise and that port).
	NATS                        string
	RouteListen, RouteAdvertise string
	// AdminAdvertise is how consumers of the feed reach Config.Admin (default: its address, with the host of Advertise where it names none).
	AdminAdvertise string
	// JoinTime is how long the node tries to join, or to find the cluster (default 1 minute).
	JoinTime time.Duration
}

// withDefaults fills in c and reports every mistake.
func (c Cluster) withDefaults() (Cluster, error) {
	var errs []error
	if !cluster.ValidName(c.Name) {
		errs = append(errs, fmt.Errorf("node: the cluster's name is %q, allowed are 1 to 32 of a-z 0-9 -, not - first", c.Name))
	}
	if !c.Edge && !c.State {
		c.Edge, c.State = true, true
	}
	switch {
	case c.Files == nil && len(c.Secret) < peer.MinSecret:
		errs = append(errs, fmt.Errorf("node: the cluster's secret has %d bytes, at least %d are needed", len(c.Secret), peer.MinSecret))
	case c.Files != nil && len(c.Secret) > 0:
		errs = append(errs, errors.New("node: nodes trust each other by a secret or by certificates, both are there"))
	case c.Files != nil && c.NATS == "":
		errs = append(errs, errors.New("node: a cluster with certificates of its own needs the URL of a NATS"))
	}
	if c.Listen == "" {
		c.Listen = ":7946"
	}
	if c.RouteListen == "" {
		c.RouteListen = ":6222"
	}
	if c.JoinTime == 0 {
		c.JoinTime = time.Minute
	}
	if c.JoinTime < 0 {
		errs = append(errs, errors.New("node: the time to join is negative"))
	}
	for _, address := range c.Join {
		if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
			errs = append(errs, fmt.Errorf("node: %.200q is no address of a node to join, wanted is host:port", address))
		}
	}
	if len(c.Join) == 0 && !c.State {
		errs = append(errs, errors.New("node: an edge without data needs the address of a node to join"))
	}
	probe := c.member(cmp.Or(c.Advertise, "host:1"), cmp.Or(c.RouteAdvertise, "host:1"))
	probe.Operator = c.AdminAdvertise
	if err := probe.Check(); err != nil {
		errs = append(errs, fmt.Errorf("node: %w", err))
	}
	return c, errors.Join(errs...)
}

// member is the node as others know it, reached at these addresses.
func (c *Cluster) member(address, routes string) cluster.Node {
	if c.NATS != "" {
		routes = ""
	}
	return cluster.Node{
		Name: c.Node, Address: address, Routes: routes, Edge: c.Edge, State: c.State, Labels: c.Labels, Weight: c.Weight,
	}
}

// reached returns how others reach a listener at an address that was opened as wanted.
func reached(advertise string, opened net.Addr) (string, error) {
	if advertise != "" {
		return advertise, nil
	}
	host, _, err := net.SplitHostPort(opened.String())
	if err != nil {
		return "", fmt.Errorf("node: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		return "", fmt.Errorf("node: other nodes cannot know how to reach %s: say it (--peer-advertise host:port)", opened)
	}
	return opened.String(), nil
}

// operatorAt returns how others reach the operator's listener that is opened at an address, "" when there is none, or nobody can
// know its port. host is where they reach the node.
func (c *Cluster) operatorAt(admin, host string) (string, error) {
	if c.AdminAdvertise != "" || admin == "" {
		return c.AdminAdvertise, nil
	}
	at, port, err := net.SplitHostPort(admin)
	if err != nil {
		return "", fmt.Errorf("node: the operator's address: %w", err)
	}
	if port == "" || port == "0" {
		return "", nil
	}
	if ip := net.ParseIP(at); at == "" || ip != nil && ip.IsUnspecified() {
		at = host
	}
	return net.JoinHostPort(at, port), nil
}
