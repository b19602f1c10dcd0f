package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// serveNodes runs the demo on several nodes until the command's context is done.
func (d *demoRun) serveNodes(cmd *cobra.Command) (err error) {
	if d.nodes > maxDemoNodes {
		return fmt.Errorf("--nodes is %d, at most %d are allowed", d.nodes, maxDemoNodes)
	}
	if !d.isLocal() {
		return fmt.Errorf("--listen is %s, and --nodes lets whoever reaches the page kill nodes: use a loopback address", d.listen)
	}
	if d.admin != "" {
		return errors.New("--admin is for a demo of one node: each of several has an address of its own")
	}
	d.data = filepath.Join(d.dir(), "cluster")
	if err := os.MkdirAll(d.data, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	secret, from, err := d.secret()
	if err != nil {
		return err
	}
	secretFile := d.secretFile
	if secretFile == "" && from != filepath.Join(d.data, keyFile) {
		return errors.New("TUTTI_JWT_SECRET is for a demo of one node: use --jwt-secret-file")
	}
	if secretFile == "" {
		secretFile = from
	}
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	t, err := newDemoCluster(ctx, d.data, rand.Text(), d.nodes, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", d.listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer l.Close() // the front closes it as well
	if err := t.start(ctx, secretFile); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	handler, err := d.handler(secret)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	front := newDemoFront(t, secretFile, log)
	front.register(mux, d.guard)
	fmt.Fprintf(cmd.OutOrStdout(), "The demo is at http://%s, on %d nodes\nData: %s\nKey: %s\nCtrl-C ends it; the data stays.\n", l.Addr(), d.nodes, d.data, from)
	return front.serve(ctx, l, mux)
}
