package proof

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/internal/histories"
	"github.com/tutti-rt/tutti/wire"
)

// looksAtOnce is how many last looks are under way.
const looksAtOnce = 4

// lastLooks reads the stream of every entity from its beginning. A node alone is killed and started before, so that it has to
// read its disk.
func (r *run) lastLooks(ctx context.Context) error {
	if len(r.config.Nodes) == 1 {
		n := r.config.Nodes[0]
		if err := errors.Join(n.Kill(), n.Start(ctx)); err != nil {
			return err
		}
	}
	// What an account has sent is in the stream of another: none is read before all are at rest.
	r.looks(ctx, 0, func(t *table) bool { return t.category == histories.Account }, (*table).settled)
	r.looks(ctx, 1_000_000, func(*table) bool { return true }, (*table).look)
	return ctx.Err()
}

// looks takes a look at each entity of some tables, by clients that are numbered from first on.
func (r *run) looks(ctx context.Context, first int, some func(*table) bool, look func(t *table, ctx context.Context, i, number int) error) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, looksAtOnce)
	number := first
	for _, t := range r.played {
		for i := range t.ids {
			if !some(t) {
				continue
			}
			number++
			number := number
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				if err := look(t, ctx, i, number); err != nil && ctx.Err() == nil {
					r.trouble(t.category+"/"+t.ids[i], "the stream of an entity can be read from its beginning", err.Error())
				}
			})
		}
	}
	wg.Wait()
}

// settled waits until an account is at rest.
func (t *table) settled(ctx context.Context, i, number int) error {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	c, err := t.open(ctx, i, number)
	if c == nil || err != nil {
		return err
	}
	defer c.Close()
	_, err = t.rest(ctx, c)
	return err
}

// open returns a client that is to be shown all of an entity; nil if nobody has ever been shown it.
func (t *table) open(ctx context.Context, i, number int) (*client.Client, error) {
	epoch := t.epochs[i].Load()
	if epoch == nil {
		return nil, nil
	}
	token, err := t.config.Token(fmt.Sprintf("looker-%d", number))
	if err != nil {
		return nil, err
	}
	return client.Open(ctx, client.EntityURL(anyEdge, t.category, t.ids[i]), client.Config{
		Token: token, Transports: []client.Transport{client.WebSocket}, HTTPClient: t.through(number), DialTimeout: 5 * time.Second,
		Cursor: wire.Cursor{Epoch: *epoch},
	})
}

// look reads the stream of one entity. Accounts have to be at rest.
func (t *table) look(ctx context.Context, i, number int) error {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	c, err := t.open(ctx, i, number)
	if c == nil || err != nil {
		return err
	}
	defer c.Close()
	end, err := t.rest(ctx, c)
	if err != nil {
		return err
	}
	if end == 0 {
		return nil
	}
	stream := make([]histories.Event, 0, end)
	for u, err := range c.Updates(ctx) {
		switch u := u.(type) {
		case nil:
			return fmt.Errorf("after %d events of %d: %w", len(stream), end, err)
		case client.State:
			return fmt.Errorf("a cursor at the beginning was answered with a state at revision %d", u.Revision)
		case client.Event:
			stream = append(stream, histories.Event{Revision: u.Revision, Name: u.Name, Data: u.Data, By: u.By, Command: u.Command})
		}
		if uint64(len(stream)) == end {
			break
		}
	}
	t.recorder.Ended(t.category, t.ids[i], stream)
	return nil
}

// rest returns the revision at which the entity is at rest: that of an answer in which nothing is under way.
func (t *table) rest(ctx context.Context, c *client.Client) (uint64, error) {
	for {
		answer, err := c.Query(ctx, "get", nil)
		if err != nil {
			return 0, fmt.Errorf("ask how it is: %w", err)
		}
		if t.category != histories.Account || atRest(answer.Data) {
			return answer.Revision, nil
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return 0, fmt.Errorf("%s still waits for transfers: %w", answer.Data, err)
		}
	}
}

// atRest reports whether an account waits for no transfer.
func atRest(account []byte) bool {
	var a struct{ Waiting map[string]json.RawMessage }
	return json.Unmarshal(account, &a) == nil && len(a.Waiting) == 0
}
