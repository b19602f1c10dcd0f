package clustersim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/internal/histories"
	"github.com/tutti-rt/tutti/wire"
)

// table is the entities at which some clients play.
type table struct {
	*world
	category string
	ids      []string
	epochs   []atomic.Pointer[string]
	players  int
}

// player is one client after the other at an entity.
type player struct {
	*table
	number int // of all players
	at     int // of the table's ids
	rng    *rand.Rand
	edge   atomic.Int64 // where it connects next
	http   *http.Client
}

// Times of players.
const (
	leastLife  = 2 * time.Second
	mostLife   = 15 * time.Second
	answerTime = 5 * time.Second  // that a client which goes waits for answers
	settleTime = 20 * time.Second // in which everything is answered once all is well
	mostOpen   = 6                // commands and queries without an answer
	firstMoney = 10_000
	moveEvery  = 150 * time.Millisecond
)

func (w *world) newTable(category string, partition, n int) *table {
	t := &table{world: w, category: category, epochs: make([]atomic.Pointer[string], n)}
	for try := 0; len(t.ids) < n; try++ {
		id := fmt.Sprintf("%d-%d", partition, try)
		if partition < 0 || wire.Partition(category, id, partitions) == partition {
			t.ids = append(t.ids, id)
		}
	}
	return t
}

func (t *table) newPlayer(number, at int) *player {
	p := &player{table: t, number: number, at: at, rng: t.random(1000 + uint64(number))}
	p.edge.Store(int64(number))
	p.http = &http.Client{Transport: &http.Transport{DialContext: p.dial, DisableKeepAlives: true}}
	return p
}

// dial connects with the next node that listens.
func (p *player) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	var errs []error
	for range p.machines {
		m := p.machines[int(p.edge.Add(1))%len(p.machines)]
		ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		c, err := p.clients.Dialer(outside)(ctx, m.name)
		cancel()
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func (p *player) entity() string { return p.category + "/" + p.ids[p.at] }
func (p *player) url() string    { return client.EntityURL("ws://any", p.category, p.ids[p.at]) }

// live plays until ctx is done. Answers may come until all is done.
func (p *player) live(ctx, all context.Context) {
	for life := 0; ctx.Err() == nil; life++ {
		c, err := client.Open(ctx, p.url(), p.config())
		if err != nil {
			if ctx.Err() == nil {
				p.trouble(p.entity(), "a client can connect", err.Error())
			}
			return
		}
		g := &game{player: p, client: c, viewer: fmt.Sprintf("player %d.%d", p.number, life)}
		g.play(ctx, all, life == 0)
	}
}

func (p *player) config() client.Config {
	return client.Config{
		Token: "sub-" + strconv.Itoa(p.number), Transports: []client.Transport{client.WebSocket}, HTTPClient: p.http, Logger: p.log.With("player", p.number),
		DialTimeout: time.Second, Backoff: client.Backoff{Min: 20 * time.Millisecond, Max: 300 * time.Millisecond},
	}
}

// game is the life of one client.
type game struct {
	*player
	client *client.Client
	viewer string

	asked atomic.Int64 // without an answer
	last  atomic.Uint64
	calls sync.WaitGroup
	views int
}

func (g *game) play(ctx, all context.Context, first bool) {
	var reading sync.WaitGroup
	reading.Go(g.read)
	defer reading.Wait()
	defer g.calls.Wait()
	defer func() { _ = g.client.Close() }()
	life, cancel := context.WithTimeout(ctx, leastLife+time.Duration(g.rng.Int64N(int64(mostLife-leastLife))))
	defer cancel()
	if g.category == histories.Account && first {
		g.command(client.Command{Name: "deposit", Data: amount{firstMoney}})
	}
	for life.Err() == nil {
		if g.asked.Load() < mostOpen {
			g.move(all)
		}
		_ = sleep(life, time.Duration(g.rng.Int64N(int64(2*moveEvery))))
	}
	if ctx.Err() == nil && g.rng.IntN(4) == 0 {
		return // without waiting
	}
	for until := time.Now().Add(answerTime); ctx.Err() == nil && g.asked.Load() > 0 && time.Now().Before(until); {
		_ = sleep(ctx, 10*time.Millisecond)
	}
	if ctx.Err() != nil { // all is well, or soon will be
		g.settle(all)
	}
}

// settle waits for all answers, once all is well.
func (g *game) settle(all context.Context) {
	<-g.well
	for until := time.Now().Add(settleTime); g.asked.Load() > 0; _ = sleep(all, 10*time.Millisecond) {
		if time.Now().After(until) {
			g.trouble(g.entity(), "everything is answered once all is well", fmt.Sprintf("%s, %s: %d without an answer, %+v", g.viewer, g.client.Member(), g.asked.Load(), g.client.Status()))
			return
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

type (
	amount struct {
		Amount int64 `json:"amount"`
	}
	transfer struct {
		Key    string `json:"key"`
		To     string `json:"to"`
		Amount int64  `json:"amount"`
	}
)

// move asks or commands something.
func (g *game) move(ctx context.Context) {
	switch g.rng.IntN(8) {
	case 0, 1:
		g.query(ctx)
		return
	case 2:
		if g.category != histories.Account {
			g.view(ctx)
			return
		}
	}
	c := client.Command{}
	switch g.category {
	case histories.Counter:
		c.Name, c.Data = "add", add{1 + g.rng.Int64N(1000)}
	case histories.Cell:
		c.Name, c.Data = "put", put{g.rng.Int64N(1 << 40)}
		if g.rng.IntN(2) == 0 {
			c.HasExpect, c.Expect = true, g.last.Load()
		}
	default:
		to := g.ids[(g.at+1+g.rng.IntN(len(g.ids)-1))%len(g.ids)]
		c.Name, c.Data = "transfer", transfer{g.viewer + strconv.FormatInt(g.rng.Int64(), 36), to, 1 + g.rng.Int64N(300)}
	}
	g.command(c)
}

// command sends a command, and has its outcome taken down.
func (g *game) command(c client.Command) {
	data, err := json.Marshal(c.Data)
	if err != nil {
		panic(fmt.Sprintf("clustersim: encode %T: %v", c.Data, err)) // the types here can all be encoded
	}
	o := histories.Op{Client: g.number, Name: c.Name, Data: data, HasExpect: c.HasExpect, Expect: c.Expect, Began: g.recorder.Now()}
	call, err := g.client.Start(context.Background(), c)
	if err != nil {
		return // it has not been sent
	}
	g.asked.Add(1)
	g.calls.Go(func() {
		<-call.Done() // Close settles it, if nothing else does
		g.asked.Add(-1)
		ack, err := call.Wait(context.Background())
		o.Ended, o.Member, o.ID = g.recorder.Now(), g.client.Member(), call.ID()
		rejected, no := errors.AsType[*client.Rejected](err)
		switch {
		case err == nil:
			o.Outcome, o.Revision, o.Reply = histories.Acked, ack.Revision, ack.Reply
		case no:
			o.Outcome, o.Code = histories.Rejected, rejected.Code
		}
		g.recorder.Did(g.category, g.ids[g.at], o)
	})
}

// query asks for the state, which is linearizable.
func (g *game) query(ctx context.Context) {
	g.asked.Add(1)
	o := histories.Op{Client: g.number, Query: true, Name: "get", Began: g.recorder.Now()}
	g.calls.Go(func() {
		defer g.asked.Add(-1)
		answer, err := g.client.Query(ctx, "get", nil) // Close ends it
		o.Ended = g.recorder.Now()
		rejected, no := errors.AsType[*client.Rejected](err)
		switch {
		case err == nil:
			o.Outcome, o.Revision, o.Reply = histories.Acked, answer.Revision, answer.Data
		case no:
			o.Outcome, o.Code = histories.Rejected, rejected.Code
			if rejected.Code != wire.CodeUnavailable && rejected.Code != wire.CodeOverloaded {
				g.trouble(g.entity(), "a query is not rejected so", err.Error())
			}
		}
		g.recorder.Did(g.category, g.ids[g.at], o)
	})
}

// read takes down what the client is shown, until it is closed.
func (g *game) read() {
	for u, err := range g.client.Updates(context.Background()) {
		at := g.recorder.Now()
		if err != nil {
			g.trouble(g.entity(), "no client is told of an error", g.viewer+": "+err.Error())
			return
		}
		switch u := u.(type) {
		case client.State:
			epoch := g.client.Cursor().Epoch
			if old := g.epochs[g.at].Swap(&epoch); old != nil && *old != epoch {
				g.trouble(g.entity(), "the epoch of an entity stays the same", fmt.Sprintf("%s: %q after %q", g.viewer, epoch, *old))
			}
			g.last.Store(u.Revision)
			g.recorder.Saw(g.category, g.ids[g.at], g.viewer, histories.Sight{At: at, State: true, Event: histories.Event{Revision: u.Revision, Data: u.Data}})
		case client.Event:
			g.last.Store(u.Revision)
			g.recorder.Saw(g.category, g.ids[g.at], g.viewer, histories.Sight{At: at, Event: histories.Event{
				Revision: u.Revision, Name: u.Name, Data: u.Data, By: u.By, Command: u.Command,
			}})
		}
	}
}

func (t *table) with(players int) *table { t.players = players; return t }
