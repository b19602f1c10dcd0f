package soak

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"
)

// crewOf is goroutines that somebody waits for.
type crewOf = sync.WaitGroup

// settle waits until all is answered and seen, looks at everything once more after a last kill, and stops the node.
func (r *run) settle(ctx context.Context) error {
	until := time.Now().Add(cmp.Or(r.config.Settle, settleTime))
	r.now("answers")
	unsettled := func(f func(s *session) bool) (n int, one *session) {
		for _, s := range r.cast.here() {
			if !f(s) {
				n, one = n+1, s
			}
		}
		return n, one
	}
	r.await(ctx, until, func() (bool, func()) {
		n, s := unsettled((*session).idle)
		return n == 0, func() { r.fail(s.place, s.place.floor.Load(), "every command is answered", s.String()) }
	})
	r.now("transfers and alarms")
	r.calm(ctx, until)
	r.now("viewers")
	r.await(ctx, until, func() (bool, func()) {
		n, s := unsettled((*session).settled)
		return n == 0, func() {
			r.fail(s.place, s.place.floor.Load(), fmt.Sprintf("every viewer sees all events; %d do not", n), s.String())
		}
	})
	r.now("rooms")
	r.roll(ctx, time.Now().Add(min(rollTime, cmp.Or(r.config.Settle, rollTime))))
	r.now("rest")
	r.rest(ctx)
	r.now("last look")
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.lastLook(ctx)
}

// await waits until done says so; else it calls what done returns besides.
func (r *run) await(ctx context.Context, until time.Time, done func() (bool, func())) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, complain := done()
		if ok || ctx.Err() != nil {
			return
		}
		if time.Now().After(until) {
			complain()
			return
		}
		<-tick.C
	}
}

// calm asks accounts and alarms until nothing is under way there.
func (r *run) calm(ctx context.Context, until time.Time) {
	asked := make(map[*place]*session)
	for _, s := range r.cast.here() {
		if c := s.place.category; (c == "account" || c == "alarm") && asked[s.place] == nil {
			asked[s.place] = s
			s.place.busy.Store(true)
		}
	}
	var next time.Time
	r.await(ctx, until, func() (bool, func()) {
		var busy *place
		again := time.Now().After(next)
		if again {
			next = time.Now().Add(250 * time.Millisecond)
		}
		for p, s := range asked {
			if !p.busy.Load() {
				continue
			}
			busy = p
			if again && s.idle() {
				s.ask("get")
			}
		}
		return busy == nil, func() { r.fail(busy, busy.floor.Load(), "transfers are answered and alarms ring", "some wait") }
	})
}

// rollTime is how long it may take until all that went without a word count as gone.
const rollTime = 40 * time.Second

// roll calls the roll of each room: a newcomer is told of just those who are there. Who goes without a word counts
// as there for a while.
func (r *run) roll(ctx context.Context, until time.Time) {
	for _, p := range r.cast.places {
		if p.category != "room" {
			continue
		}
		r.await(ctx, until, func() (bool, func()) {
			s := r.newSession(p, manner{watch: true, presence: true})
			s.present = make(chan int, 1)
			s.start(ctx)
			there := 0
			select {
			case there = <-s.present:
			case <-time.After(5 * time.Second):
			case <-ctx.Done():
			}
			s.mu.Lock()
			newcomer := s.member
			s.mu.Unlock()
			want, lists := 1, make(map[string]int)
			for _, other := range r.cast.here() {
				select {
				case <-other.quit:
				default:
					if other.place == p {
						want++
						if other.driver == nil && other.manner.presence {
							lists[fmt.Sprint(other.sees(newcomer))]++
						}
					}
				}
			}
			s.end(true)
			ok := there == want && len(lists) <= 1
			if !ok {
				time.Sleep(500 * time.Millisecond)
			}
			return ok, func() {
				r.fail(p, p.floor.Load(), fmt.Sprintf("who is there is known, and to all: %d", want), fmt.Sprintf("%d, and lists %v", there, lists))
			}
		})
	}
}

// rest sends everybody home and looks at what the node holds then.
func (r *run) rest(ctx context.Context) {
	node := r.config.Node
	count := func() Held {
		h := Held{Links: len(r.cast.here())}
		h.Files, h.Sockets = openFiles(node.PID())
		if r.config.Goroutines != nil {
			h.Goroutines, _ = r.config.Goroutines(ctx) // 0: not known
		}
		return h
	}
	r.result.Full = count()
	for _, s := range r.cast.here() {
		s.end(s.number%3 == 0)
		r.cast.remove(s)
	}
	if err := r.cast.dismissGuests(); err != nil {
		r.failures.add(Failure{Entity: "guests", Broken: "they go: " + err.Error()})
	}
	r.clients.Wait()
	r.await(ctx, time.Now().Add(15*time.Second), func() (bool, func()) {
		r.result.Rest = count()
		h := r.result.Rest
		if h.Goroutines <= restGoroutines && h.Sockets <= restSockets {
			return true, nil
		}
		time.Sleep(200 * time.Millisecond)
		return false, func() {
			r.failures.add(Failure{Entity: "the node", Broken: "it holds nothing for clients that have gone", Told: fmt.Sprintf("%+v", h)})
		}
	})
	r.meter.sample()
}

// What a node without clients may have: its own goroutines, and the sockets of those who look after it.
const (
	restGoroutines = 400
	restSockets    = 40
)

// lastLook kills the node once more and looks at every entity; then it stops the node.
func (r *run) lastLook(ctx context.Context) error {
	if r.config.KillEvery > 0 {
		if err := r.supervisor.kill(ctx); err != nil {
			return err
		}
	}
	var sessions []*session
	for _, p := range r.cast.places {
		s := r.newSession(p, manner{watch: true})
		sessions = append(sessions, s)
		s.start(ctx)
	}
	r.await(ctx, time.Now().Add(cmp.Or(r.config.Settle, settleTime)), func() (bool, func()) {
		for _, s := range sessions {
			if !s.settled() {
				return false, func() { r.fail(s.place, s.place.floor.Load(), "an entity is shown after the last start", s.String()) }
			}
		}
		return true, nil
	})
	for _, s := range sessions {
		s.end(true)
		s.mu.Lock()
		s.place.notes.end(s.last)
		s.mu.Unlock()
	}
	r.clients.Wait()
	r.meter.sample()
	r.result.Memory, r.result.Disk = r.meter.memory(), r.meter.size()
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := r.config.Node.Stop(ctx); err != nil { // it has been killed
		r.failures.add(Failure{Entity: "the node", Broken: "it ends when it is asked: " + err.Error()})
	}
	r.supervisor.stops = append(r.supervisor.stops, time.Since(began))
	return nil
}

// String says how a session stands.
func (s *session) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := ""
	if len(s.waiting) > 0 {
		first = string(s.waiting[0].frame)
	}
	return fmt.Sprintf("connection %d, member %q, linked %t, at revision %d, %d without an answer %s", s.number, s.member, s.socket != nil, s.last, len(s.waiting), first)
}
