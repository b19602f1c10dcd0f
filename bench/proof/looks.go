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
	r.looks(ctx, false)
	r.looks(ctx, true)
	return ctx.Err()
}

// looks has every stream judged, or waits until all accounts are at rest.
func (r *run) looks(ctx context.Context, judged bool) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, looksAtOnce)
	looks := 0
	for _, t := range r.played {
		if !judged && t.category != histories.Account {
			continue
		}
		for i := range t.ids {
			looks++
			number := looks
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				if err := t.look(ctx, i, number, judged); err != nil && ctx.Err() == nil {
					r.trouble(t.category+"/"+t.ids[i], "the stream of an entity can be read from its beginning", err.Error())
				}
			})
		}
	}
	wg.Wait()
}

// look waits until an entity is at rest, which accounts have to come to, and has its stream judged if that is wanted.
func (t *table) look(ctx context.Context, i, number int, judged bool) error {
	epoch := t.epochs[i].Load()
	if epoch == nil {
		return nil // nobody has ever been shown it
	}
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	token, err := t.config.Token(fmt.Sprintf("looker-%d", number))
	if err != nil {
		return err
	}
	c, err := client.Open(ctx, client.EntityURL(anyEdge, t.category, t.ids[i]), client.Config{
		Token: token, Transports: []client.Transport{client.WebSocket}, HTTPClient: t.through(number), DialTimeout: 5 * time.Second,
		Cursor: wire.Cursor{Epoch: *epoch},
	})
	if err != nil {
		return err
	}
	defer c.Close()
	end, err := t.rest(ctx, c)
	if err != nil {
		return err
	}
	if end == 0 || !judged {
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
