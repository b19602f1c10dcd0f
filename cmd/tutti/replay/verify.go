package replay

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tutti-rt/tutti/client"
)

// Verify asks the pad for its text, in both ways that there are: what a newcomer is welcomed with, and the
// query.
func (p Player) Verify(ctx context.Context, r *Recording) error {
	c, err := p.open(ctx, "reader", false)
	if err != nil {
		return err
	}
	defer c.Close()
	var welcomed audience
	got, err := welcomed.follow(ctx, c, uint64(len(r.edits())))
	if err == nil {
		err = r.Compare(got)
	}
	if err != nil {
		return fmt.Errorf("text that a newcomer gets: %w", err)
	}
	answer, err := c.Query(ctx, "text", nil)
	if err != nil {
		return fmt.Errorf("query text: %w", err)
	}
	var whole pad
	if err := json.Unmarshal(answer.Data, &whole); err != nil {
		return fmt.Errorf("query text: %w", err)
	}
	if err := r.Compare(whole.Text.String()); err != nil {
		return fmt.Errorf("query text: %w", err)
	}
	return nil
}

// mustBeEmpty refuses a pad that somebody has written in: its revisions would say nothing.
func (p Player) mustBeEmpty(ctx context.Context, c *client.Client) error {
	answer, err := c.Query(ctx, "text", nil)
	if err != nil {
		return fmt.Errorf("query text: %w", err)
	}
	if answer.Revision != 0 {
		return fmt.Errorf("pad %q is at revision %d; a recording needs a new one", p.Pad, answer.Revision)
	}
	return nil
}

// openFor is how long a connection may take to open. Nodes that are killed in a test come back sooner.
const openFor = 30 * time.Second

// open connects to the pad under the name.
func (p Player) open(ctx context.Context, name string, sendOnly bool) (*client.Client, error) {
	token, err := p.Token(name)
	if err != nil {
		return nil, err
	}
	url := client.EntityURL("ws"+strings.TrimPrefix(p.URL, "http"), "pad", p.Pad)
	opening, cancel := context.WithTimeout(ctx, openFor)
	defer cancel()
	c, err := client.Open(opening, url, client.Config{Token: token, SendOnly: sendOnly, Backoff: p.Backoff})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

// openAll connects several clients. Those that it returns with an error have to be closed too.
func (p Player) openAll(ctx context.Context, name string, n int, sendOnly bool) ([]*client.Client, error) {
	var clients []*client.Client
	for i := range n {
		c, err := p.open(ctx, fmt.Sprintf("%s-%d", name, i), sendOnly)
		if err != nil {
			return clients, err
		}
		clients = append(clients, c)
	}
	return clients, nil
}

func closeAll(clients []*client.Client) {
	for _, c := range clients {
		_ = c.Close() // always nil
	}
}
