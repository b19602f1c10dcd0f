// Command tutti is the platform's own program: the demo application and the tools around it.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/cmd/tutti/demo"
	"github.com/tutti-rt/tutti/node"
)

func main() {
	ctx, stop := node.Interrupted(context.Background())
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process around it. It returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:               "tutti",
		Short:             "Stateful, shared, real-time applications: the demo and the tools",
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.AddCommand(benchCommand(), node.ClusterCommand(), demoCommand(), eventsCommand(), node.GenCommand(demo.Categories()...), replayCommand(), serveCommand(), tokenCommand(), versionCommand())
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(stderr, "tutti: %v\n", err)
		return 1
	}
	return 0
}

// serveCommand serves the demo's categories as an application in production is served: without its page, and not
// without keys.
func serveCommand() *cobra.Command {
	cmd := node.ServeCommand(demo.Categories()...)
	cmd.Short = "Serve the demo's categories as in production: with keys, without the page"
	return cmd
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), node.Version()) },
	}
}
