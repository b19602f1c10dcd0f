package node

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/auth"
	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/peer"
)

// clusterOptions are what the command line and the environment say of the cluster.
type clusterOptions struct {
	name, node           string
	secretFile           string
	cert, key, authority string
	listen, advertise    string
	join, roles, labels  []string
	region               string
	weight               int
	nats                 string
	adminAdvertise       string
	routeListen          string
	routeAdvertise       string
	secret               string // from the environment alone
}

func (o *clusterOptions) register(cmd *cobra.Command) []string {
	f := cmd.Flags()
	f.StringVar(&o.name, "cluster", "", "name of the cluster that the node is of (default: it is alone)")
	f.StringVar(&o.node, "node", "", "name of the node in the cluster (default: the host's name)")
	f.StringVar(&o.secretFile, "cluster-secret-file", "", "file with the secret of the cluster, 32 bytes at least (or TUTTI_CLUSTER_SECRET: the secret)")
	f.StringVar(&o.cert, "cluster-cert", "", "PEM file with the node's certificate for other nodes, in place of the secret")
	f.StringVar(&o.key, "cluster-key", "", "PEM file with that certificate's key")
	f.StringVar(&o.authority, "cluster-ca", "", "PEM file with what the certificates of all nodes come from")
	f.StringVar(&o.listen, "peer-listen", ":7946", "address for other nodes")
	f.StringVar(&o.advertise, "peer-advertise", "", "host:port at which other nodes reach this one (default: that of --peer-listen)")
	f.StringSliceVar(&o.join, "join", nil, "addresses of nodes to join, at the first start (default: found a cluster)")
	f.StringSliceVar(&o.roles, "roles", []string{"edge", "state"}, "what the node does: edge, state or both")
	f.StringVar(&o.region, "region", "", "the node's label region")
	f.StringSliceVar(&o.labels, "label", nil, "further labels of the node, as name=value")
	f.IntVar(&o.weight, "weight", cluster.DefaultWeight, "the node's share of partitions beside that of others, 1 to 1000")
	f.StringVar(&o.nats, "nats", "", "URL of a NATS for all nodes (default: a server in each node)")
	f.StringVar(&o.routeListen, "nats-listen", ":6222", "address for the NATS servers of other nodes")
	f.StringVar(&o.adminAdvertise, "admin-advertise", "", "host:port at which consumers of other nodes' events reach --admin (default: that of --admin, with the host of --peer-advertise)")
	f.StringVar(&o.routeAdvertise, "nats-advertise", "", "host:port at which they reach it")
	return []string{
		"cluster", "node", "cluster-secret-file", "cluster-cert", "cluster-key", "cluster-ca", "peer-listen", "peer-advertise", "join",
		"roles", "region", "label", "weight", "nats", "nats-listen", "nats-advertise", "admin-advertise",
	}
}

// config returns what the options say of a cluster, nil where the node is alone.
func (o *clusterOptions) config(cmd *cobra.Command) (*Cluster, error) {
	if o.name == "" {
		for _, name := range []string{"node", "join", "roles", "region", "label", "weight", "nats", "cluster-secret-file", "cluster-cert"} {
			if cmd.Flags().Changed(name) {
				return nil, fmt.Errorf("--%s says something of a cluster, and --cluster does not name one", name)
			}
		}
		return nil, nil
	}
	c := &Cluster{
		Name: o.name, Node: o.node, Listen: o.listen, Advertise: o.advertise, Join: o.join, Weight: o.weight,
		NATS: o.nats, RouteListen: o.routeListen, RouteAdvertise: o.routeAdvertise, AdminAdvertise: o.adminAdvertise,
	}
	var errs []error
	if c.Weight == 0 { // which stands for the default elsewhere
		errs = append(errs, fmt.Errorf("--weight: 0, allowed are 1 to %d", cluster.MaxWeight))
	}
	if c.Node == "" {
		host, err := os.Hostname()
		errs = append(errs, err)
		c.Node, _, _ = strings.Cut(strings.ToLower(host), ".")
	}
	for _, role := range o.roles {
		switch role {
		case "edge":
			c.Edge = true
		case "state":
			c.State = true
		default:
			errs = append(errs, fmt.Errorf("--roles: %q is neither edge nor state", role))
		}
	}
	labels := o.labels
	if o.region != "" {
		labels = append([]string{"region=" + o.region}, labels...)
	}
	var err error
	c.Labels, err = cluster.ParseLabels(labels)
	errs = append(errs, err)
	switch {
	case o.secretFile != "":
		c.Secret, err = auth.ReadSecret(o.secretFile)
		if err != nil {
			errs = append(errs, fmt.Errorf("--cluster-secret-file: %w", err))
		}
	case o.cert != "" || o.key != "" || o.authority != "":
		c.Files = &peer.Files{Certificate: o.cert, Key: o.key, Authority: o.authority}
	default:
		c.Secret = []byte(o.secret)
	}
	return c, errors.Join(errs...)
}
