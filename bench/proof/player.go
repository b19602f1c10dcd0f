package proof

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/internal/histories"
	"github.com/tutti-rt/tutti/internal/histories/witness"
)

// player has one client after the other play at an entity.
type player struct {
	*table
	place int // at the table
	at    int // of the table's ids
	rng   *rand.Rand
}

// Times of clients.
const (
	leastLife  = 4 * time.Second
	mostLife   = 20 * time.Second
	answerTime = 20 * time.Second // in which every command is answered, whatever fails
	openTime   = 30 * time.Second // in which an entity has to accept a client once all is well
	mostOpen   = 8                // commands and queries without an answer
)

func (p *player) entity() string { return p.category + "/" + p.ids[p.at] }

// live plays until ctx is done. The clients' links and the last answers may last beyond that, as long as all is done.
func (p *player) live(ctx, all context.Context) {
	for life := 0; ctx.Err() == nil; life++ {
		c := p.enter(ctx, life)
		if c == nil {
			continue
		}
		number := int(p.numbers.Add(1))
		g := &game{player: p, first: life == 0, Witness: &witness.Witness{
			Client: c, Recorder: p.recorder, Category: p.category, ID: p.ids[p.at], Name: fmt.Sprintf("client %d", number), Number: number,
			Epoch: &p.epochs[p.at], Trouble: p.trouble, Reached: p.reached,
		}}
		g.play(ctx, all)
	}
}

// enter opens a client. It returns nil when the time is over first.
func (p *player) enter(ctx context.Context, life int) *client.Client {
	token, err := p.config.Token(fmt.Sprintf("proof-%d-%d", p.seat.number, p.place))
	if err != nil {
		p.trouble(p.entity(), "a token can be signed", err.Error())
		return nil
	}
	edge := p.seat.number + p.place
	if !p.stays {
		edge += life
	}
	c, err := client.Open(ctx, client.EntityURL(anyEdge, p.category, p.ids[p.at]), client.Config{
		Token: token, Transports: []client.Transport{p.config.Transports[p.rng.IntN(len(p.config.Transports))]},
		HTTPClient:  p.through(edge),
		DialTimeout: time.Second,
	})
	if err != nil && ctx.Err() == nil {
		p.trouble(p.entity(), "a client can connect", err.Error())
		_ = wait(ctx, time.Second) // the loop ends with ctx
	}
	if err != nil {
		return nil
	}
	return c
}

// game is the life of one client.
type game struct {
	*player
	*witness.Witness
	first bool // of its seat at the table
}

// play plays until ctx is done, or for a while, and then goes: mostly with all answers, sometimes without a word.
func (g *game) play(ctx, all context.Context) {
	var reading sync.WaitGroup
	reading.Go(func() { g.Look(all) })
	defer reading.Wait()
	defer g.Wait()
	defer func() { _ = g.Client.Close() }() // it always succeeds
	life := leastLife + time.Duration(g.rng.Int64N(int64(mostLife-leastLife)))
	ctx, cancel := context.WithTimeout(ctx, life)
	defer cancel()
	if g.category == histories.Account && g.first {
		g.Deposit(ctx)
	}
	tick := time.NewTicker(g.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			switch {
			case g.Waiting() >= mostOpen:
			case g.rng.IntN(3) == 0:
				g.Query(ctx)
			default:
				g.Move(ctx, g.rng, g.ids)
			}
			continue
		case <-ctx.Done():
		}
		break
	}
	if g.rng.IntN(4) == 0 {
		return
	}
	patience := answerTime
	if all.Err() != nil { // all is well: every answer has to come
		patience = settleTime
	}
	answered := time.NewTicker(10 * time.Millisecond)
	defer answered.Stop()
	for until := time.Now().Add(patience); g.Waiting() > 0; <-answered.C {
		if time.Now().Before(until) {
			continue
		}
		g.trouble(g.Entity(), fmt.Sprintf("every command is answered within %s", patience),
			fmt.Sprintf("at %s client %d, %s: %d without an answer, %+v", g.recorder.Now().Round(time.Millisecond), g.Number, g.Client.Member(), g.Waiting(), g.Client.Status()))
		return
	}
}
