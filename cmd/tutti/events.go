package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/feed"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

func eventsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "events", Short: "Look at recorded events"}
	cmd.AddCommand(eventsFollowCommand())
	return cmd
}

func eventsFollowCommand() *cobra.Command {
	var r eventsRun
	cmd := &cobra.Command{
		Use: "follow [ENTITY]", Short: "Print the events of an entity, or of a category, as they are recorded",
		Long: "Print the events of an entity (room/lobby), or of all entities of a category, as they are recorded: also those that no client is shown. Nodes are asked " +
			"at their addresses for the operator; a data directory is never opened, since it is its node's alone.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return r.follow(cmd, args) },
	}
	f := cmd.Flags()
	f.StringVar(&r.category, "category", "", "all entities of this category, in place of an ENTITY")
	f.StringSliceVar(&r.events, "event", nil, "names of the events to print (default: all)")
	f.StringVar(&r.after, "after", "", "cursor to go on from, as printed in the end")
	f.BoolVar(&r.fromStart, "from-start", false, "begin with the first event, not with the next one")
	f.DurationVar(&r.wait, "wait", 0, "end when all is printed and nothing has come for so long (default: never)")
	f.BoolVar(&r.json, "json", false, "print a JSON object for each event, with its cursor")
	f.StringSliceVar(&r.admin, "admin", []string{"http://127.0.0.1:9090"}, "operator's URLs of one or several nodes")
	f.StringVar(&r.tokenFile, "token-file", "", "file with the operator's token (or TUTTI_ADMIN_TOKEN: the token)")
	return cmd
}

// eventsRun is one call of tutti events follow.
type eventsRun struct {
	category, after, tokenFile string
	admin, events              []string
	fromStart, json            bool
	wait                       time.Duration
}

// follow prints events until the command's context is done, or until there are none for long enough.
func (r *eventsRun) follow(cmd *cobra.Command, args []string) error {
	f, err := r.filter(args)
	if err != nil {
		return err
	}
	if r.fromStart && r.after != "" {
		return errors.New("--after and --from-start are both given")
	}
	if r.wait < 0 {
		return errors.New("--wait is negative")
	}
	token, err := r.token()
	if err != nil {
		return err
	}
	remote, err := feed.NewRemote(feed.RemoteConfig{Nodes: r.admin, Token: token})
	if err != nil {
		return err
	}
	partitions, err := r.partitions(cmd.Context(), remote, f)
	if err != nil {
		return err
	}
	ends, err := r.ends(cmd.Context(), remote, partitions)
	if err != nil {
		return err
	}
	at, err := r.begin(partitions, ends)
	if err != nil {
		return err
	}
	p := &eventPrinter{out: cmd.OutOrStdout(), json: r.json, at: at, ends: ends, behind: len(partitions), wait: -1}
	if cmd.Flags().Changed("wait") {
		p.wait = r.wait
	}
	err = p.run(cmd.Context(), remote, f)
	if text := r.text(p.at); text != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "go on with --after %s\n", text)
	}
	return err
}

// filter returns what is asked for.
func (r *eventsRun) filter(args []string) (f feed.Filter, err error) {
	switch {
	case len(args) == 0 && r.category == "":
		return f, errors.New("an entity is missing, as room/lobby, or --category")
	case len(args) == 1 && r.category != "":
		return f, errors.New("an entity and --category are both given")
	case len(args) == 0:
		f.Categories = []string{r.category}
	default:
		category, id, ok := strings.Cut(args[0], "/")
		if !ok || id == "" {
			return f, fmt.Errorf("%q is no entity, as room/lobby", args[0])
		}
		f.Categories, f.ID = []string{category}, id
	}
	f.Events = r.events
	return f, f.Check()
}

func (r *eventsRun) token() (string, error) {
	if r.tokenFile == "" {
		if token := os.Getenv("TUTTI_ADMIN_TOKEN"); token != "" {
			return token, nil
		}
		return "", errors.New("the operator's token is missing: set TUTTI_ADMIN_TOKEN or --token-file")
	}
	data, err := os.ReadFile(r.tokenFile)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// partitions returns those that hold what is asked for.
func (r *eventsRun) partitions(ctx context.Context, remote *feed.Remote, f feed.Filter) ([]journal.Partition, error) {
	layout, err := remote.Layout(ctx)
	if err != nil {
		return nil, err
	}
	category := f.Categories[0]
	pool, ok := layout.Pools[category]
	if !ok || layout.Partitions < 1 {
		return nil, fmt.Errorf("the node serves no category %q", category)
	}
	if f.ID != "" {
		return []journal.Partition{{Pool: pool, Number: wire.Partition(category, f.ID, layout.Partitions)}}, nil
	}
	var all []journal.Partition
	for n := range layout.Partitions {
		all = append(all, journal.Partition{Pool: pool, Number: n})
	}
	return all, nil
}

// ends returns where the logs of the partitions end now.
func (r *eventsRun) ends(ctx context.Context, remote *feed.Remote, partitions []journal.Partition) (feed.Cursors, error) {
	var ends feed.Cursors
	for _, p := range partitions {
		end, err := remote.End(ctx, p)
		if err != nil {
			return nil, err
		}
		ends = append(ends, end)
	}
	return ends, nil
}

// begin returns where to begin.
func (r *eventsRun) begin(partitions []journal.Partition, ends feed.Cursors) (feed.Cursors, error) {
	at := make(feed.Cursors, len(partitions))
	switch {
	case r.fromStart:
		for i, end := range ends {
			at[i] = feed.Cursor{Journal: end.Journal, Partition: end.Partition}
		}
		return at, nil
	case r.after == "":
		copy(at, ends)
		return at, nil
	case r.category == "":
		one, err := feed.ParseCursor(r.after)
		return feed.Cursors{one}, err
	}
	all, err := feed.ParseCursors(r.after)
	if err == nil && len(all) != len(at) {
		err = fmt.Errorf("--after has %d partitions, there are %d", len(all), len(at))
	}
	return all, err
}

// text returns what --after takes.
func (r *eventsRun) text(at feed.Cursors) string {
	if r.category == "" {
		return at[0].String()
	}
	return at.String()
}
