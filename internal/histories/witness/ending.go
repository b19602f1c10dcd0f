package witness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/internal/histories"
	"github.com/tutti-rt/tutti/wire"
)

// restLook is the time between two looks at an account that waits for transfers.
const restLook = 50 * time.Millisecond

// Ending reads what an entity has become once everybody has gone.
type Ending struct {
	Category string
	// Epoch is as in Witness. Nobody needs to have been shown the entity: others may have sent something to it all the same.
	Epoch *atomic.Pointer[string]
	// Open opens a client at the entity. With the zero cursor it begins with the state, else it gets what comes after the cursor.
	Open func(context.Context, wire.Cursor) (*client.Client, error)
}

// Rest returns once nothing is under way at the entity: accounts may wait for transfers.
func (e *Ending) Rest(ctx context.Context) error {
	if e.Category != histories.Account {
		return nil
	}
	c, err := e.Open(ctx, wire.Cursor{})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = e.rest(ctx, c)
	return err
}

// Stream returns all events of the entity, from the first one to the last when it was at rest.
func (e *Ending) Stream(ctx context.Context) ([]histories.Event, error) {
	epoch, err := e.epoch(ctx)
	if err != nil || epoch == "" {
		return nil, err
	}
	c, err := e.Open(ctx, wire.Cursor{Epoch: epoch})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	end, err := e.rest(ctx, c)
	if err != nil || end == 0 {
		return nil, err
	}
	stream := make([]histories.Event, 0, end)
	for u, err := range c.Updates(ctx) {
		switch u := u.(type) {
		case nil:
			return nil, fmt.Errorf("after %d events of %d: %w", len(stream), end, err)
		case client.State:
			return nil, fmt.Errorf("a cursor at the beginning was answered with a state at revision %d", u.Revision)
		case client.Event:
			stream = append(stream, histories.Event{Revision: u.Revision, Name: u.Name, Data: u.Data, By: u.By, Command: u.Command})
		}
		if uint64(len(stream)) == end {
			return stream, nil
		}
	}
	return nil, fmt.Errorf("it ended after %d events of %d", len(stream), end)
}

// epoch returns the entity's, and nothing if it has no events.
func (e *Ending) epoch(ctx context.Context) (string, error) {
	if known := e.Epoch.Load(); known != nil {
		return *known, nil
	}
	c, err := e.Open(ctx, wire.Cursor{})
	if err != nil {
		return "", err
	}
	defer c.Close()
	for u, err := range c.Updates(ctx) {
		if err != nil {
			return "", fmt.Errorf("before it was shown: %w", err)
		}
		if s, ok := u.(client.State); ok && s.Revision == 0 {
			return "", nil
		}
		return c.Cursor().Epoch, nil
	}
	return "", errors.New("it was not shown")
}

// rest returns the revision of an answer in which nothing is under way.
func (e *Ending) rest(ctx context.Context, c *client.Client) (uint64, error) {
	for {
		answer, err := c.Query(ctx, "get", nil)
		if err != nil {
			return 0, fmt.Errorf("ask how it is: %w", err)
		}
		if e.Category != histories.Account || atRest(answer.Data) {
			return answer.Revision, nil
		}
		select {
		case <-time.After(restLook):
		case <-ctx.Done():
			return 0, fmt.Errorf("%s still waits for transfers: %w", answer.Data, ctx.Err())
		}
	}
}

// atRest reports whether an account waits for no transfer.
func atRest(account []byte) bool {
	var a struct{ Waiting map[string]json.RawMessage }
	return json.Unmarshal(account, &a) == nil && len(a.Waiting) == 0
}
