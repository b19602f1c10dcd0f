package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
)

// Main is the whole of an application's main function: it serves the categories as the command line and
// the environment say, and ends the process. SIGINT and SIGTERM let clients go first; a second
// one ends the process at once.
func Main(categories ...*tutti.Category) {
	ctx, stop := Interrupted(context.Background())
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, categories...))
}

// Interrupted returns a context that is done with the first SIGINT or SIGTERM. The second one ends
// the process at once, with status 130. The caller calls stop when it is done with signals.
func Interrupted(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2) // one to ask, one to insist; more say nothing new
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	stopped, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for _, act := range []func(){cancel, func() { os.Exit(130) }} {
			select {
			case <-signals:
				act()
			case <-stopped:
				return
			}
		}
	}()
	return ctx, sync.OnceFunc(func() {
		signal.Stop(signals)
		close(stopped)
		<-ended
		cancel()
	})
}

// run is Main without the process around it. It returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, categories ...*tutti.Category) int {
	root := command(categories)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", root.Name(), err)
		return 1
	}
	return 0
}

// command returns an application's command line: serve, which is the default, cluster, gen and version.
func command(categories []*tutti.Category) *cobra.Command {
	root := &cobra.Command{
		Use:               filepath.Base(os.Args[0]),
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	serve := ServeCommand(categories...)
	serve.Short += " (the default)"
	becomeServe(root, categories)
	root.Short = "Serve the application"
	root.Long = "Serve the application. Every flag can be set by an environment variable: TUTTI_JWT_ISSUER for --jwt-issuer."
	root.AddCommand(serve, GenCommand(categories...), ClusterCommand(), &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), Version()) },
	})
	return root
}

// ServeCommand returns the command that serves the categories, for an application whose command line has more
// to offer than that of Main. Its flags and environment variables are those of Main.
func ServeCommand(categories ...*tutti.Category) *cobra.Command {
	cmd := &cobra.Command{Use: "serve", Short: "Serve the application"}
	becomeServe(cmd, categories)
	return cmd
}

func becomeServe(cmd *cobra.Command, categories []*tutti.Category) {
	o := new(options)
	names := o.register(cmd)
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return o.serve(cmd, names, categories) }
}

// serve runs a node until the command's context is done.
func (o *options) serve(cmd *cobra.Command, names []string, categories []*tutti.Category) error {
	if err := environment(cmd, names); err != nil {
		return err
	}
	o.secret, o.adminToken = os.Getenv("TUTTI_JWT_SECRET"), os.Getenv("TUTTI_ADMIN_TOKEN")
	o.ticketSecret = os.Getenv("TUTTI_TICKET_SECRET")
	if o.dev && !cmd.Flags().Changed("listen") {
		o.listen = "127.0.0.1:8080"
	}
	log, err := o.logger(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	o.cluster.secret = os.Getenv("TUTTI_CLUSTER_SECRET")
	c, err := o.config(cmd, categories, log)
	if err != nil {
		return err
	}
	if o.dev {
		if err := o.develop(&c); err != nil {
			return err
		}
	}
	n, err := New(c)
	if errors.Is(err, ErrNoKeys) {
		return fmt.Errorf("%w: set --jwt-secret-file or TUTTI_JWT_SECRET (HS256), --jwt-public-key (a PEM file) or --jwt-jwks (a file or URL); --dev makes a key for development", err)
	}
	if err != nil {
		return err
	}
	return n.Run(cmd.Context())
}

// develop adds a key of the data directory, and the page that makes tokens with it.
func (o *options) develop(c *Config) error {
	path := filepath.Join(o.data, "dev-key")
	secret, made, err := auth.KeepSecret(path)
	if err != nil {
		return err
	}
	c.Logger.Warn("development: everybody who reaches this node can make tokens", slog.String("key", path), slog.Bool("new", made))
	signer, err := auth.NewSigner(secret)
	if err != nil {
		return err
	}
	c.Auth.Keys = append(c.Auth.Keys, auth.Secret(secret))
	c.Handler = tokenPage(signer, c.Categories, o.devAnywhere)
	return nil
}

// Version returns the version of the running program's module, as the build recorded it.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := info.Main.Version
	if version == "" {
		version = "(devel)"
	}
	return fmt.Sprintf("%s %s %s", info.Main.Path, version, info.GoVersion)
}
