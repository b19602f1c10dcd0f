package proof

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/internal/histories"
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
	firstMoney = 10_000
)

func (p *player) entity() string { return p.category + "/" + p.ids[p.at] }

// live plays until ctx is done. The clients' links and the last answers may last beyond that, as long as all is done.
func (p *player) live(ctx, all context.Context) {
	for life := 0; ctx.Err() == nil; life++ {
		c := p.enter(ctx, life)
		if c == nil {
			continue
		}
		g := &game{player: p, client: c, number: int(p.numbers.Add(1)), first: life == 0}
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
	client *client.Client
	number int
	first  bool // of its seat at the table

	asked atomic.Int64 // without an answer
	last  atomic.Uint64
	calls sync.WaitGroup
}

// play plays until ctx is done, or for a while, and then goes: mostly with all answers, sometimes without a word.
func (g *game) play(ctx, all context.Context) {
	var reading sync.WaitGroup
	reading.Go(func() { g.read(all) })
	defer reading.Wait()
	defer g.calls.Wait()
	defer func() { _ = g.client.Close() }() // it always succeeds
	life := leastLife + time.Duration(g.rng.Int64N(int64(mostLife-leastLife)))
	ctx, cancel := context.WithTimeout(ctx, life)
	defer cancel()
	if g.category == histories.Account && g.first {
		g.command(ctx, client.Command{Name: "deposit", Data: amount{firstMoney}})
	}
	tick := time.NewTicker(g.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if g.asked.Load() < mostOpen {
				g.move(ctx)
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
	for until := time.Now().Add(patience); g.asked.Load() > 0; <-answered.C {
		if time.Now().Before(until) {
			continue
		}
		g.trouble(g.entity(), fmt.Sprintf("every command is answered within %s", patience),
			fmt.Sprintf("at %s client %d, %s: %d without an answer, %+v", g.recorder.Now().Round(time.Millisecond), g.number, g.client.Member(), g.asked.Load(), g.client.Status()))
		return
	}
}

type (
	amount struct {
		Amount int64 `json:"amount"`
	}
	by struct {
		By int64 `json:"by"`
	}
	n struct {
		N int64 `json:"n"`
	}
	transfer struct {
		Key    string `json:"key"`
		To     string `json:"to"`
		Amount int64  `json:"amount"`
	}
)

// move sends something.
func (g *game) move(ctx context.Context) {
	if g.rng.IntN(3) == 0 {
		g.query(ctx)
		return
	}
	c := client.Command{}
	switch g.category {
	case histories.Counter:
		c.Name, c.Data = "add", by{1 + g.rng.Int64N(1000)}
	case histories.Cell:
		c.Name, c.Data = "put", n{g.rng.Int64N(1 << 40)}
		if g.rng.IntN(2) == 0 {
			c.HasExpect, c.Expect = true, g.last.Load()
		}
	default:
		to := g.ids[(g.at+1+g.rng.IntN(len(g.ids)-1))%len(g.ids)]
		c.Name, c.Data = "transfer", transfer{strconv.Itoa(g.number) + "-" + strconv.FormatInt(g.rng.Int64(), 36), to, 1 + g.rng.Int64N(300)}
	}
	g.command(ctx, c)
}

// command sends a command, and has its outcome taken down.
func (g *game) command(ctx context.Context, c client.Command) {
	data, err := json.Marshal(c.Data)
	if err != nil {
		panic(fmt.Sprintf("proof: encode %T: %v", c.Data, err)) // the types here can all be encoded
	}
	o := histories.Op{Client: g.number, Name: c.Name, Data: data, HasExpect: c.HasExpect, Expect: c.Expect, Began: g.recorder.Now()}
	call, err := g.client.Start(ctx, c)
	if err != nil {
		return // it has not been sent
	}
	g.asked.Add(1)
	g.calls.Go(func() {
		<-call.Done() // Close settles it, if nothing else does
		g.asked.Add(-1)
		ack, err := call.Wait(context.WithoutCancel(ctx))
		o.Ended, o.Member, o.ID = g.recorder.Now(), g.client.Member(), call.ID()
		rejected, no := errors.AsType[*client.Rejected](err)
		switch {
		case err == nil:
			o.Outcome, o.Revision, o.Reply = histories.Acked, ack.Revision, ack.Reply
			g.reached(ack.Revision)
		case no:
			o.Outcome, o.Code = histories.Rejected, rejected.Code
		}
		g.recorder.Did(g.category, g.ids[g.at], o)
	})
}

// query asks for the state.
func (g *game) query(ctx context.Context) {
	g.asked.Add(1)
	o := histories.Op{Client: g.number, Query: true, Name: "get", Began: g.recorder.Now()}
	g.calls.Go(func() {
		defer g.asked.Add(-1)
		answer, err := g.client.Query(context.WithoutCancel(ctx), "get", nil) // Close ends it
		o.Ended = g.recorder.Now()
		rejected, no := errors.AsType[*client.Rejected](err)
		switch {
		case err == nil:
			o.Outcome, o.Revision, o.Reply = histories.Acked, answer.Revision, answer.Data
		case no:
			o.Outcome, o.Code = histories.Rejected, rejected.Code
			if rejected.Code != "unavailable" && rejected.Code != "overloaded" {
				g.trouble(g.entity(), "a query is not rejected so", err.Error())
			}
		}
		g.recorder.Did(g.category, g.ids[g.at], o)
	})
}

// read takes down what the client is shown, until it is closed.
func (g *game) read(ctx context.Context) {
	viewer := fmt.Sprintf("client %d", g.number)
	for u, err := range g.client.Updates(context.WithoutCancel(ctx)) {
		at := g.recorder.Now()
		if err != nil {
			g.trouble(g.entity(), "no client is told of an error", viewer+": "+err.Error())
			return
		}
		switch u := u.(type) {
		case client.State:
			epoch := g.client.Cursor().Epoch
			if old := g.epochs[g.at].Swap(&epoch); old != nil && *old != epoch {
				g.trouble(g.entity(), "the epoch of an entity stays the same", fmt.Sprintf("%s: %q after %q", viewer, epoch, *old))
			}
			g.last.Store(u.Revision)
			g.recorder.Saw(g.category, g.ids[g.at], viewer, histories.Sight{At: at, State: true, Event: histories.Event{Revision: u.Revision, Data: u.Data}})
		case client.Event:
			g.last.Store(u.Revision)
			g.recorder.Saw(g.category, g.ids[g.at], viewer, histories.Sight{At: at, Event: histories.Event{
				Revision: u.Revision, Name: u.Name, Data: u.Data, By: u.By, Command: u.Command,
			}})
		}
	}
}
