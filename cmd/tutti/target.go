package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
)

// target says which node a tool works on: one at a URL, or one that it runs for itself.
type target struct {
	place
	url string
}

func (t *target) register(cmd *cobra.Command) {
	t.place.register(cmd)
	cmd.Flags().Lookup("data").Usage = "directory of the own node's journal, kept (default: a new one, removed), or of the target's development key"
	cmd.Flags().StringVar(&t.url, "target", "", "URL of the demo to work on, as http://127.0.0.1:8080 (default: one of the tool's own, in another process)")
}

// open returns the node to work on: the target's, or the tool's own. The caller closes it.
func (t *target) open(ctx context.Context, own ownNode) (*workNode, error) {
	if t.url != "" {
		secret, _, err := t.secret()
		if err != nil {
			return nil, err
		}
		return newWorkNode(strings.TrimSuffix(t.url, "/"), secret)
	}
	own.data = t.data
	return startOwn(ctx, own)
}
