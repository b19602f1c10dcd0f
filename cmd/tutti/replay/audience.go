package replay

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/internal/text"
)

// audience counts what the viewers got.
type audience struct{ events, states, relinks atomic.Uint64 }

// pad is the state of a pad and the answer to its query text.
type pad struct {
	Text text.Text `json:"text"`
}

// follow rebuilds the text from what the viewer gets, up to the revision, and returns it.
func (a *audience) follow(ctx context.Context, c *client.Client, until uint64) (string, error) {
	var (
		p   pad
		rev uint64
	)
	for update, err := range c.Updates(ctx) {
		if err != nil {
			return "", err
		}
		switch u := update.(type) {
		case client.State:
			a.states.Add(1)
			p = pad{}
			if err := json.Unmarshal(u.Data, &p); err != nil {
				return "", fmt.Errorf("state at revision %d: %w", u.Revision, err)
			}
			rev = u.Revision
		case client.Event:
			a.events.Add(1)
			var e patches
			if err := json.Unmarshal(u.Data, &e); err != nil {
				return "", fmt.Errorf("event %d: %w", u.Revision, err)
			}
			if p.Text, err = p.Text.Apply(e.Patches); err != nil {
				return "", fmt.Errorf("event %d: %w", u.Revision, err)
			}
			rev = u.Revision
		}
		if rev > until {
			return "", fmt.Errorf("revision %d of a pad that got %d edits", rev, until)
		}
		if rev == until {
			return p.Text.String(), nil
		}
	}
	return "", fmt.Errorf("the connection ended at revision %d of %d", rev, until)
}

// watchLinks counts how often the clients lose their links, until ctx is done.
func (a *audience) watchLinks(ctx context.Context, clients []*client.Client) *sync.WaitGroup {
	var all sync.WaitGroup
	for _, c := range clients {
		all.Go(func() {
			for s := range c.Statuses(ctx) {
				if s.Phase == client.Waiting {
					a.relinks.Add(1)
				}
			}
		})
	}
	return &all
}
