package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/auth"
	"github.com/tutti-rt/tutti/cmd/tutti/demo"
	"github.com/tutti-rt/tutti/cmd/tutti/trial"
	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/node"
)

// benchNode is the node that benchmarks start for themselves: the demo's categories and those of the trials,
// without the bounds that keep one subject from being all clients.
type benchNode struct {
	listen, admin, data string
	certFile, keyFile   string
	memory              int64
	heartbeat           time.Duration
	bounded             bool
	noDisk              bool
	faults              bool
	heapDetail          bool
	cluster             node.Cluster
}

func benchNodeCommand() *cobra.Command {
	var b benchNode
	cmd := &cobra.Command{
		Use: "node", Short: "Serve what benchmarks load (they start it themselves)", Args: cobra.NoArgs, Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return b.serve(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&b.listen, "listen", "127.0.0.1:8080", "address for clients")
	f.StringVar(&b.admin, "admin", "", "address for the operator (needs TUTTI_ADMIN_TOKEN)")
	f.StringVar(&b.data, "data", "", "directory of the journal")
	f.StringVar(&b.certFile, "tls-cert", "", "PEM file with the certificate")
	f.StringVar(&b.keyFile, "tls-key", "", "PEM file with the certificate's key")
	f.DurationVar(&b.heartbeat, "heartbeat", 0, "between two pings to a client (default 25s)")
	f.BoolVar(&b.bounded, "bounded", false, "with the bounds that nodes have by default")
	f.BoolVar(&b.noDisk, "no-disk", false, "keep the journal in memory")
	f.BoolVar(&b.heapDetail, "heap-detail", false, "take 32 times as many samples for the heap profile")
	f.Int64Var(&b.memory, "memory", 0, "bytes of entities kept in memory, as an estimate (default 1 GiB)")
	f.BoolVar(&b.faults, "faults", false, "have the faults that "+faultsFile+" in the data directory says, as it changes")
	f.StringVar(&b.cluster.Name, "cluster", "", "cluster to be a node of (needs TUTTI_CLUSTER_SECRET)")
	f.StringVar(&b.cluster.Node, "node", "", "name in the cluster")
	f.StringVar(&b.cluster.Listen, "peer-listen", "", "address for other nodes")
	f.StringVar(&b.cluster.RouteListen, "nats-listen", "", "address for their buses")
	f.StringSliceVar(&b.cluster.Join, "join", nil, "addresses of nodes to join")
	return cmd
}

// limits returns bounds that keep no subject from being all clients, unless those of a real node are asked for.
func (b *benchNode) limits() edge.Limits {
	if b.bounded {
		return edge.Limits{}
	}
	return edge.Limits{SubLinks: 100_000, SubHandshakes: 100_000, Handshakes: 100_000}
}

// serve runs the node until the command's context is done.
func (b *benchNode) serve(cmd *cobra.Command) error {
	secret := os.Getenv("TUTTI_JWT_SECRET")
	if secret == "" || b.data == "" {
		return errors.New("bench node needs TUTTI_JWT_SECRET and --data")
	}
	if b.noDisk {
		b.data = ""
	}
	if b.heapDetail {
		runtime.MemProfileRate /= 32
	}
	c := node.Config{
		Categories: append(demo.Categories(), trial.Categories()...),
		Listen:     b.listen, CertFile: b.certFile, KeyFile: b.keyFile,
		Auth:   auth.Config{Keys: []auth.Source{auth.Secret([]byte(secret))}},
		Limits: b.limits(), Heartbeat: b.heartbeat,
		Data: b.data, Memory: b.memory,
		Admin: b.admin, AdminToken: os.Getenv("TUTTI_ADMIN_TOKEN"),
		Logger: slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	if b.cluster.Name != "" {
		b.cluster.Secret = []byte(os.Getenv("TUTTI_CLUSTER_SECRET"))
		c.Cluster = &b.cluster
	}
	if b.faults {
		return serveWithFaults(cmd.Context(), c)
	}
	return serveNode(cmd.Context(), c)
}

func serveNode(ctx context.Context, c node.Config) error {
	n, err := node.New(c)
	if err != nil {
		return err
	}
	return n.Run(ctx)
}
