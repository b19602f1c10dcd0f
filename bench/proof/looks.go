package proof

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/internal/histories"
	"github.com/tutti-rt/tutti/internal/histories/witness"
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
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	token, err := t.config.Token(fmt.Sprintf("looker-%d", number))
	if err != nil {
		return err
	}
	e := witness.Ending{Category: t.category, Epoch: &t.epochs[i], Open: func(ctx context.Context, from wire.Cursor) (*client.Client, error) {
		return client.Open(ctx, client.EntityURL(anyEdge, t.category, t.ids[i]), client.Config{
			Token: token, Transports: []client.Transport{client.WebSocket}, HTTPClient: t.through(number), DialTimeout: 5 * time.Second, Cursor: from,
		})
	}}
	if !judged {
		return e.Rest(ctx)
	}
	stream, err := e.Stream(ctx)
	if err == nil && len(stream) > 0 {
		t.recorder.Ended(t.category, t.ids[i], stream)
	}
	return err
}
