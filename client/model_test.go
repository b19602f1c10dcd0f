package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/wire"
)

// unreliable is an entity that keeps every promise, behind links that keep none: they break at any
// moment, repeat events, lose them, and are ended.
type unreliable struct {
	t   *testing.T
	rng *rand.Rand

	texts    []string          // of the events, in order
	outcomes map[uint64]uint64 // revision after each command
	highest  uint64
	links    int
	calm     atomic.Bool // the links hold from now on
}

// say sends a frame to a client that may have closed the link.
func say(l *serverLink, frame string) {
	_ = l.pipe.write(frame)
}

// serve takes the next link and answers on it until it breaks.
func (u *unreliable) serve(l *serverLink) {
	u.links++
	defer l.drop()
	if !u.calm.Load() && u.rng.IntN(8) == 0 {
		return // before the welcome
	}
	sent := u.welcome(l)
	for {
		breaks := !u.calm.Load() && u.rng.IntN(12) == 0
		select {
		case f, ok := <-l.frames:
			if !ok {
				return
			}
			u.execute(&f)
			if breaks {
				return // the command was carried out, and nobody was told
			}
			sent = u.events(l, sent)
			say(l, fmt.Sprintf(`{"type":"ack","id":%d,"rev":%d}`, f.ID, u.outcomes[f.ID]))
		case <-time.After(time.Duration(1+u.rng.IntN(50)) * time.Millisecond):
			if u.calm.Load() {
				continue
			}
			u.texts = append(u.texts, fmt.Sprintf("of the entity itself, %d", len(u.texts)))
			switch u.rng.IntN(6) {
			case 0:
				say(l, `{"type":"terminate","code":"draining","message":"","reconnect":true,"after":20}`)
				return
			case 1:
				sent = u.fresh(l) // conflation
			case 2:
				u.texts = append(u.texts, "whose frame gets lost", "whose frame does not")
				say(l, u.event(len(u.texts)))
				sent = len(u.texts)
			default:
				sent = u.events(l, sent)
			}
		}
	}
}

func (u *unreliable) welcome(l *serverLink) (sent int) {
	c, err := wire.ParseCursor(l.query.Get("cursor"))
	if err != nil || c.Epoch != "e1" || u.rng.IntN(5) == 0 {
		return u.fresh(l)
	}
	say(l, fmt.Sprintf(`{"type":"welcome","member":"m1","epoch":"e1","rev":%d,"resumed":true,"acked":%d,"known":true,"heartbeat":25000}`, c.Revision, u.highest))
	return u.events(l, int(c.Revision))
}

func (u *unreliable) fresh(l *serverLink) (sent int) {
	state, err := json.Marshal(u.texts)
	if err != nil {
		u.t.Error(err)
	}
	say(l, fmt.Sprintf(`{"type":"welcome","member":"m1","epoch":"e1","rev":%d,"resumed":false,"acked":%d,"known":true,"state":%s,"heartbeat":25000}`, len(u.texts), u.highest, state))
	return len(u.texts)
}

func (u *unreliable) event(rev int) string {
	return fmt.Sprintf(`{"type":"event","rev":%d,"name":"said","data":%q,"at":0}`, rev, u.texts[rev-1])
}

// events sends those after the one that was sent last, which it may repeat.
func (u *unreliable) events(l *serverLink, sent int) int {
	for rev := max(sent-u.rng.IntN(2), 0); rev < len(u.texts); rev++ {
		say(l, u.event(rev+1))
	}
	return len(u.texts)
}

func (u *unreliable) execute(f *wire.ClientFrame) {
	if u.outcomes[f.ID] != 0 {
		return // carried out before
	}
	if f.ID <= u.highest {
		u.t.Errorf("command %d came for the first time after %d", f.ID, u.highest)
	}
	var text string
	if err := json.Unmarshal(f.Data, &text); err != nil {
		u.t.Error(err)
	}
	u.highest = f.ID
	u.texts = append(u.texts, text)
	u.outcomes[f.ID] = uint64(len(u.texts))
}

// TestPromisesOverUnreliableLinks has commands and events cross links that break: every command has
// its effect once, in the order of its sender, and who reads Updates knows what the entity knows.
func TestPromisesOverUnreliableLinks(t *testing.T) {
	for _, transports := range [][]client.Transport{{client.WebSocket}, {client.ServerSentEvents}, {client.LongPoll}, client.AllTransports()} {
		for seed := range uint64(30) {
			t.Run(fmt.Sprint(transports, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { overUnreliableLinks(t, rand.New(rand.NewPCG(seed, 1)), transports) })
			})
		}
	}
}

// fallsBack has a server serve one transport after the other, for some links each.
func fallsBack(s *server, transports []client.Transport) {
	links := 0
	s.refuse(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost || r.URL.Query().Get("cursor") != "" && r.URL.Query().Get("welcome") == "" && transportOf(r) == client.LongPoll {
			return false
		}
		links++
		if at := slices.Index(transports, transportOf(r)); links > 6*(at+1) && at < len(transports)-1 {
			problem(w, http.StatusNotAcceptable)
			return true
		}
		return false
	})
}

func overUnreliableLinks(t *testing.T, rng *rand.Rand, transports []client.Transport) {
	const senders, each = 3, 25
	s := newServer(t)
	fallsBack(s, transports)
	u := &unreliable{t: t, rng: rand.New(rand.NewPCG(rng.Uint64(), 3)), outcomes: make(map[uint64]uint64)}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case l := <-s.links:
				u.serve(l)
			case <-stop:
				return
			}
		}
	}()
	c, err := client.Open(t.Context(), "ws://memory/v1/room/1", client.Config{HTTPClient: s.client(), Transports: transports, Unread: 20})
	if err != nil {
		t.Fatal(err)
	}
	var known []string // what the reader of Updates knows
	pause := rand.New(rand.NewPCG(rng.Uint64(), 2))
	var reading, sending sync.WaitGroup
	reading.Go(func() {
		for update, err := range c.Updates(t.Context()) {
			if err != nil {
				t.Errorf("Updates = %v", err)
			}
			known = apply(t, known, update)
			if pause.IntN(30) == 0 {
				time.Sleep(time.Second) // falls behind, so that updates are dropped
			}
		}
	})
	for sender := range senders {
		pause := rand.New(rand.NewPCG(rng.Uint64(), 4))
		sending.Go(func() {
			for i := range each {
				time.Sleep(time.Duration(pause.IntN(100)) * time.Millisecond)
				if _, err := c.Send(t.Context(), "say", fmt.Sprintf("%d: %d", sender, i)); err != nil {
					t.Errorf("Send = %v", err)
				}
			}
		})
	}
	sending.Wait()
	u.calm.Store(true)
	time.Sleep(time.Minute) // for the reader to come to the end
	if err := c.Close(); err != nil || !errors.Is(c.Err(), client.ErrClosed) {
		t.Errorf("Close = %v, Err = %v", err, c.Err())
	}
	reading.Wait()
	close(stop)
	<-stopped
	if !slices.Equal(known, u.texts) {
		t.Errorf("after %d links the reader knows %d events, and not the %d that there were", u.links, len(known), len(u.texts))
	}
	for sender := range senders {
		next := 0
		for _, text := range u.texts {
			if text == fmt.Sprintf("%d: %d", sender, next) {
				next++
			}
		}
		if next != each {
			t.Errorf("sender %d: %d commands were carried out in order, want %d", sender, next, each)
		}
	}
	if got := len(u.outcomes); got != senders*each {
		t.Errorf("%d commands were carried out, want %d", got, senders*each)
	}
}

// apply folds an update into what the reader knows.
func apply(t *testing.T, known []string, update client.Update) []string {
	switch u := update.(type) {
	case client.State:
		var fresh []string
		if err := json.Unmarshal(u.Data, &fresh); err != nil {
			t.Error(err)
		}
		return fresh
	case client.Event:
		var text string
		if err := json.Unmarshal(u.Data, &text); err != nil {
			t.Error(err)
		}
		if u.Revision != uint64(len(known)+1) {
			t.Errorf("event %d came after %d", u.Revision, len(known))
		}
		return append(known, text)
	}
	return known
}
