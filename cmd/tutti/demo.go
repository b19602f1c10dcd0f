package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/auth"
	"github.com/tutti-rt/tutti/cmd/tutti/demo"
	"github.com/tutti-rt/tutti/node"
)

func demoCommand() *cobra.Command {
	var d demoRun
	cmd := &cobra.Command{
		Use: "demo", Short: "Serve the demo: a board, a chat room, a shared text and a counter", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if d.nodes > 1 {
				return d.serveNodes(cmd)
			}
			return d.serve(cmd)
		},
	}
	d.register(cmd)
	cmd.Flags().StringVar(&d.listen, "listen", "127.0.0.1:8080", "address for browsers and other clients")
	cmd.Flags().StringVar(&d.admin, "admin", "", "address for the operator: probes, metrics, profiles (needs TUTTI_ADMIN_TOKEN)")
	cmd.Flags().IntVar(&d.nodes, "nodes", 1, "nodes of a cluster on this machine, 1 to 7, which the page can kill")
	return cmd
}

// demoRun is one call of tutti demo.
type demoRun struct {
	place
	listen, admin string
	nodes         int
}

// serve runs the demo until the command's context is done.
func (d *demoRun) serve(cmd *cobra.Command) error {
	dir := d.dir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	secret, from, err := d.secret()
	if err != nil {
		return err
	}
	handler, err := d.handler(secret)
	if err != nil {
		return err
	}
	n, err := node.New(node.Config{
		Categories: demo.Categories(),
		Listen:     d.listen,
		Handler:    handler,
		Auth:       auth.Config{Keys: []auth.Source{auth.Secret(secret)}},
		Data:       dir,
		Admin:      d.admin,
		AdminToken: os.Getenv("TUTTI_ADMIN_TOKEN"),
		Logger:     slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	greeted := make(chan struct{})
	ctx, done := context.WithCancel(cmd.Context())
	go func() {
		defer close(greeted)
		select {
		case <-n.Ready():
			fmt.Fprintf(cmd.OutOrStdout(), "The demo is at http://%s\nData: %s\nKey: %s\nCtrl-C ends it; the data stays.\n", n.Addr(), dir, from)
		case <-ctx.Done():
		}
	}()
	err = n.Run(cmd.Context())
	done()
	<-greeted
	return err
}

// handler serves the page and the tokens of its visitors.
func (d *demoRun) handler(secret []byte) (http.Handler, error) {
	signer, err := auth.NewSigner(secret)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", demo.Page())
	mux.Handle("POST /demo/token", d.guard(visitorTokens(signer)))
	mux.HandleFunc("GET /demo/nodes", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"nodes":[]}`)) // one node has nothing to show; fails when the page has gone
	})
	return mux, nil
}

// guard keeps a demo for this machine to the machine's own pages.
func (d *demoRun) guard(next http.Handler) http.Handler {
	if d.isLocal() {
		return node.OwnHost(nil, next)
	}
	return next
}

// isLocal reports whether nobody but this machine reaches the demo.
func (d *demoRun) isLocal() bool {
	host, _, err := net.SplitHostPort(d.listen)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
