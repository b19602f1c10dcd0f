package clustersim_test

import (
	"context"
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
	"github.com/tutti-rt/tutti/internal/histories/witness"
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
		g := &game{player: p, Witness: &witness.Witness{
			Client: c, Recorder: p.recorder, Category: p.category, ID: p.ids[p.at], Name: fmt.Sprintf("player %d.%d", p.number, life), Number: p.number,
			Epoch: &p.epochs[p.at], Trouble: p.trouble,
		}}
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
	*witness.Witness
	views int
}

func (g *game) play(ctx, all context.Context, first bool) {
	var reading sync.WaitGroup
	reading.Go(func() { g.Look(all) })
	defer reading.Wait()
	defer g.Wait()
	defer func() { _ = g.Client.Close() }()
	life, cancel := context.WithTimeout(ctx, leastLife+time.Duration(g.rng.Int64N(int64(mostLife-leastLife))))
	defer cancel()
	if g.category == histories.Account && first {
		g.Deposit(all)
	}
	for life.Err() == nil {
		if g.Waiting() < mostOpen {
			g.move(all)
		}
		_ = sleep(life, time.Duration(g.rng.Int64N(int64(2*moveEvery))))
	}
	if ctx.Err() == nil && g.rng.IntN(4) == 0 {
		return // without waiting
	}
	for until := time.Now().Add(answerTime); ctx.Err() == nil && g.Waiting() > 0 && time.Now().Before(until); {
		_ = sleep(ctx, 10*time.Millisecond)
	}
	if ctx.Err() != nil { // all is well, or soon will be
		g.settle(all)
	}
}

// settle waits for all answers, once all is well.
func (g *game) settle(all context.Context) {
	<-g.well
	for until := time.Now().Add(settleTime); g.Waiting() > 0; _ = sleep(all, 10*time.Millisecond) {
		if time.Now().After(until) {
			g.trouble(g.Entity(), "everything is answered once all is well", fmt.Sprintf("%s, %s: %d without an answer, %+v", g.Name, g.Client.Member(), g.Waiting(), g.Client.Status()))
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

// move asks or commands something.
func (g *game) move(ctx context.Context) {
	switch g.rng.IntN(8) {
	case 0, 1:
		g.Query(ctx)
	case 2:
		if g.category != histories.Account {
			g.view(ctx)
			return
		}
		fallthrough
	default:
		g.Move(ctx, g.rng, g.ids)
	}
}

func (t *table) with(players int) *table { t.players = players; return t }
