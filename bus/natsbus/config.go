package natsbus

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
)

const (
	defaultQueueBytes   = 32 << 20
	defaultReceiveBytes = 32 << 20
	defaultPendingBytes = 64 << 20

	// MaxEnvelopeBytes bounds an envelope in its binary form: larger ones are refused.
	MaxEnvelopeBytes = 128 << 20
	// maxAddressBytes bounds an address, so that a subject fits into a line of the protocol of NATS.
	maxAddressBytes = 512
	// minSecretBytes is the shortest secret that users are derived from.
	minSecretBytes = 16
)

// Config is what a bus is made of.
type Config struct {
	// Server is the server in this process that the bus is on. Cluster, Lanes, Secret and TLS are then the server's.
	Server *Server
	// URL is where a NATS elsewhere listens, or several, separated by commas. Users and passwords may be part of it.
	URL string
	// Cluster is what the cluster is called in subjects.
	Cluster string
	// Lanes are those that may be sent on. Default: the lane "default".
	Lanes []string
	// Secret is what the servers at URL derive the users of lanes from, if they are of this package.
	Secret []byte
	// TLS is for connections to URL. Nil: as the URL says.
	TLS *tls.Config
	// Node is this node's name, by which others know whose messages were lost: of 64 bytes at most. The Server's Name by default; may be
	// empty with a URL.
	Node string
	// QueueBytes is how much may wait in a lane to be sent (default 32 MiB). When it is full, Send returns bus.ErrFull.
	QueueBytes int
	// ReceiveBytes is how much may wait at an address for whoever listens there (default 32 MiB for each lane). When it is
	// full, what arrives is dropped and counted.
	ReceiveBytes int
	// Logger gets what went wrong. Nil discards it.
	Logger *slog.Logger
}

// ServerConfig is what a server is made of.
type ServerConfig struct {
	// Cluster is the name that all servers of the cluster have in common; those of another one are refused.
	Cluster string
	// Name is the node's, unique in the cluster.
	Name string
	// Lanes are those of the buses on the server. Default: the lane "default".
	Lanes []string
	// Secret is what all servers of the cluster have in common: the users of lanes and routes are derived from it. At least
	// 16 bytes.
	Secret []byte
	// ClientListen is where clients are listened for (default 127.0.0.1:0). Buses in this process need no port, but NATS
	// joins no others without one.
	ClientListen string
	// RouteListen is where other servers are listened for (default 127.0.0.1:0).
	RouteListen string
	// RouteAdvertise is host and port at which others reach RouteListen, if that is not what it says itself.
	RouteAdvertise string
	// Routes are host and port of other servers. One that is joined already is enough to be told of all others.
	Routes []string
	// TLS is for routes, in both directions, and for clients. Certificates are wanted of both sides. Nil: there is none.
	TLS *tls.Config
	// PendingBytes is how much may wait in the server for one connection or route (default 64 MiB). Whoever sends to one that has
	// three quarters of it waiting is slowed down, so that lanes fill up and say so; one that falls behind by more is closed, and
	// made anew by its other end.
	PendingBytes int64
	// Logger gets what the server says. Nil discards it.
	Logger *slog.Logger
}

var name = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

func (c Config) withDefaults() (Config, error) {
	var errs []error
	if c.Server != nil {
		if c.URL != "" {
			errs = append(errs, errors.New("natsbus: either Server or URL"))
		}
		s := c.Server.cfg
		c.Cluster, c.Lanes, c.Secret, c.TLS = s.Cluster, s.Lanes, s.Secret, nil
		if c.Node == "" {
			c.Node = s.Name
		}
	} else if c.URL == "" {
		errs = append(errs, errors.New("natsbus: Server or URL is needed"))
	}
	errs = append(errs, checkCluster(c.Cluster), checkLanes(&c.Lanes))
	if len(c.Node) > maxNodeBytes {
		errs = append(errs, fmt.Errorf("natsbus: Node has %d bytes, %d at most are allowed", len(c.Node), maxNodeBytes))
	}
	if c.QueueBytes == 0 {
		c.QueueBytes = defaultQueueBytes
	}
	if c.ReceiveBytes == 0 {
		c.ReceiveBytes = defaultReceiveBytes
	}
	if c.QueueBytes < 0 || c.ReceiveBytes < 0 {
		errs = append(errs, errors.New("natsbus: QueueBytes and ReceiveBytes are not negative"))
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, errors.Join(errs...)
}

func (c ServerConfig) withDefaults() (ServerConfig, error) {
	errs := []error{checkCluster(c.Cluster), checkLanes(&c.Lanes)}
	if !name.MatchString(c.Name) {
		errs = append(errs, fmt.Errorf("natsbus: name %q does not match %s", c.Name, name))
	}
	if len(c.Secret) < minSecretBytes {
		errs = append(errs, fmt.Errorf("natsbus: Secret has %d bytes, and needs %d", len(c.Secret), minSecretBytes))
	}
	if c.ClientListen == "" {
		c.ClientListen = "127.0.0.1:0"
	}
	if c.RouteListen == "" {
		c.RouteListen = "127.0.0.1:0"
	}
	if c.PendingBytes == 0 {
		c.PendingBytes = defaultPendingBytes
	}
	if c.PendingBytes < 4*maxPayload {
		errs = append(errs, fmt.Errorf("natsbus: PendingBytes is %d, and has to be %d at least", c.PendingBytes, 4*maxPayload))
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, errors.Join(errs...)
}

func checkCluster(cluster string) error {
	if !name.MatchString(cluster) {
		return fmt.Errorf("natsbus: cluster %q does not match %s", cluster, name)
	}
	return nil
}

// checkLanes fills in the default and refuses names that cannot be used.
func checkLanes(lanes *[]string) error {
	if len(*lanes) == 0 {
		*lanes = []string{"default"}
	}
	sorted := slices.Sorted(slices.Values(*lanes))
	if len(slices.Compact(slices.Clone(sorted))) != len(sorted) {
		return fmt.Errorf("natsbus: a lane is named twice in %q", *lanes)
	}
	for _, l := range sorted {
		if l == "" || len(l) > 64 {
			return fmt.Errorf("natsbus: lane %q has to have 1 to 64 bytes", l)
		}
	}
	return nil
}
