package soak

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"
)

// cast is everybody who takes part in a run.
type cast struct {
	*world
	places []*place
	crews  []*crew

	mu       sync.Mutex
	sessions []*session // all that have not ended
}

// crew is the connections of one category that send at one rate.
type crew struct {
	make     compose
	rate     float64 // commands/s in all
	most     int     // without an answer, for each connection
	mu       sync.Mutex
	sessions []*session
}

// shares of the rate that the categories get. Pads get a few commands a second: each depends on the one before.
var shares = []struct {
	category string
	entities int // at 3,000 commands/s; fewer at less
	share    float64
	make     compose
}{
	{"counter", 96, 0.50, add},
	{"board", 6, 0.27, paint},
	{"room", 4, 0.08, say},
	{"account", 24, 0.10, pay},
	{"alarm", 12, 0.05, set},
	{"pad", 2, 0.004, edit},
}

// fullRate is the rate at which all take part.
const fullRate = 3000

// newCast opens a notebook for each entity. Nobody has come yet.
func newCast(w *world) (*cast, error) {
	c := &cast{world: w}
	scale := min(1, w.config.Rate/fullRate)
	for _, s := range shares {
		n := max(2, int(math.Round(float64(s.entities)*scale)))
		most := window
		if s.category == "pad" {
			most = 1
		}
		c.crews = append(c.crews, &crew{make: s.make, rate: s.share * w.config.Rate, most: most})
		var ids []string
		for i := range n {
			ids = append(ids, "soak-"+strconv.Itoa(i))
		}
		for _, id := range ids {
			p := &place{category: s.category, id: id, peers: ids}
			var err error
			if p.notes, err = openNotebook(w.config.Notes, p.name()); err != nil {
				return nil, errors.Join(err, c.close())
			}
			c.places = append(c.places, p)
		}
	}
	return c, nil
}

// close closes the notebooks.
func (c *cast) close() error {
	var errs []error
	for _, p := range c.places {
		errs = append(errs, p.notes.close())
	}
	return errors.Join(errs...)
}

// enter brings a connection that stays until the end.
func (c *cast) enter(ctx context.Context, p *place, m manner) *session {
	s := c.newSession(p, m)
	c.mu.Lock()
	c.sessions = append(c.sessions, s)
	c.mu.Unlock()
	s.start(ctx)
	return s
}

// enterAll brings everybody.
func (c *cast) enterAll(ctx context.Context) {
	byCategory := make(map[string]*crew)
	for i, s := range shares {
		byCategory[s.category] = c.crews[i]
	}
	for i, p := range c.places {
		crew := byCategory[p.category]
		send := func(m manner) { crew.add(c.enter(ctx, p, m)) }
		drops := 20 * time.Second
		switch p.category {
		case "counter":
			send(manner{drops: drops})
			if i%4 == 0 {
				send(manner{watch: true, drops: drops})
			}
		case "board":
			send(manner{})
			send(manner{drops: drops})
			send(manner{watch: true, drops: drops})
			for range 4 {
				c.enter(ctx, p, manner{watch: true, drops: drops})
			}
			c.enter(ctx, p, manner{watch: true, slow: true})
			c.enter(ctx, p, manner{watch: true, drops: drops, away: 2 * drops})
		case "room":
			for n := range 6 {
				c.clients.Go(func() { c.churn(ctx, p, crew, n) })
			}
		case "pad":
			send(manner{watch: true, drops: drops})
			send(manner{watch: true})
			c.enter(ctx, p, manner{watch: true, drops: drops})
		case "account":
			send(manner{drops: drops})
			if i%3 == 0 {
				c.enter(ctx, p, manner{watch: true, drops: drops})
			}
		case "alarm":
			send(manner{watch: i%2 == 0, drops: drops})
		}
	}
}

// churn keeps one seat of a room taken: by somebody else each time, until no more is sent.
func (c *cast) churn(ctx context.Context, p *place, to *crew, seat int) {
	r := c.random(uint64(seat) + 1<<40 + mix(uint64(len(p.id)+int(p.id[len(p.id)-1]))))
	for {
		m := manner{watch: true, presence: true, drops: 10 * time.Second, stays: 3*time.Second + time.Duration(r.Int64N(int64(22*time.Second)))}
		s := c.enter(ctx, p, m)
		c.counts.joined.Add(1)
		to.add(s)
		select {
		case <-s.quit:
		case <-c.stopping:
			return
		case <-ctx.Done():
			return
		}
		to.remove(s)
		c.remove(s)
	}
}

func (c *cast) remove(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions = without(c.sessions, s)
}

func without(all []*session, s *session) []*session {
	for i := range all {
		if all[i] == s {
			all[i] = all[len(all)-1]
			all[len(all)-1] = nil
			return all[:len(all)-1]
		}
	}
	return all
}

// here returns those who have not gone.
func (c *cast) here() []*session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*session(nil), c.sessions...)
}

func (c *crew) add(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions = append(c.sessions, s)
}

// mix adds s anywhere: who comes first sends most.
func (c *crew) mix(s *session, r *rand.Rand) {
	c.add(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	last := len(c.sessions) - 1
	other := r.IntN(len(c.sessions))
	c.sessions[other], c.sessions[last] = c.sessions[last], c.sessions[other]
}

func (c *crew) remove(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions = without(c.sessions, s)
}

// pick returns one of the crew, the first ones far more often than the last.
func (c *crew) pick(r *rand.Rand) *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.sessions) == 0 {
		return nil
	}
	u := r.Float64()
	return c.sessions[int(u*u*float64(len(c.sessions)))]
}

// work sends the crew's commands at its rate until stop is closed. What cannot be sent when it is due is not
// sent later.
func (c *crew) work(w *world, r *rand.Rand, stop <-chan struct{}) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	began, done := time.Now(), 0.0
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		due := c.rate * time.Since(began).Seconds()
		for ; done+1 <= due; done++ {
			if due-done > 1000 {
				done = due - 1000
			}
			s := c.pick(r)
			switch {
			case s == nil || !s.send(c.make, r, c.most):
				w.counts.held.Add(1)
			case oneIn(r, 40) && asks[s.place.category] != "":
				s.ask(asks[s.place.category])
			case s.place.category == "room" && oneIn(r, 10):
				s.signal("typing")
			}
		}
	}
}

// asks has the query for the state of each category that has one.
var asks = map[string]string{"counter": "get", "account": "get", "alarm": "get", "pad": "text"}
