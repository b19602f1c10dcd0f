package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/wire"
)

// start starts a command that has to be taken at once.
func start(t *testing.T, c *client.Client, name string) *client.Call {
	t.Helper()
	p, err := c.Start(t.Context(), client.Command{Name: name})
	if err != nil {
		t.Fatalf("Start(%s) = %v", name, err)
	}
	return p
}

// outcome returns the outcome of a call, which has to be known by now.
func outcome(t *testing.T, p *client.Call) (client.Ack, error) {
	t.Helper()
	synctest.Wait()
	select {
	case <-p.Done():
		return p.Wait(t.Context())
	default:
		t.Fatal("the outcome is not known")
		return client.Ack{}, nil
	}
}

// expectFrames compares the next frames of the client, as type, id and name.
func expectFrames(t *testing.T, l *serverLink, want ...string) {
	t.Helper()
	for _, w := range want {
		f := l.frame()
		if got := fmt.Sprintf("%s %d %s", f.Type, f.ID, f.Name); got != w {
			t.Fatalf("the client sent %s, want %s", got, w)
		}
	}
	synctest.Wait()
	if len(l.frames) > 0 {
		t.Fatalf("the client sent %+v as well", l.frame())
	}
}

func TestSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(0, "{}"))
		go func() {
			f := l.frame()
			if f.Type != wire.TypeCommand || f.ID != 1 || f.Name != "say" || string(f.Data) != `{"text":"x\ny"}` {
				t.Errorf("the client sent %+v", f)
			}
			l.send(event(1), `{"type":"ack","id":1,"rev":1,"reply":{"n":1}}`)
			f = l.frame()
			if !f.HasExpect || f.Expect != 1 || !f.Trace || string(f.Data) != `[1,2]` {
				t.Errorf("the client sent %+v", f)
			}
			l.send(`{"type":"ack","id":2,"rev":2,"trace":{"edge":1,"bus":2,"mailbox":3,"handler":4,"journal":5,"fanout":6}}`)
			l.frame()
			l.send(`{"type":"reject","id":3,"code":"invalid","message":"empty line"}`)
		}()
		got, err := c.Send(t.Context(), "say", struct {
			Text string `json:"text"`
		}{"x\ny"})
		if want := (client.Ack{ID: 1, Revision: 1, Reply: json.RawMessage(`{"n":1}`)}); err != nil || !cmp.Equal(got, want) {
			t.Errorf("Send = %+v, %v, want %+v", got, err, want)
		}
		got, err = c.Do(t.Context(), client.Command{Name: "say", Data: json.RawMessage(" [1, 2]\n"), Expect: 1, HasExpect: true, Trace: true})
		got.Latency = client.Latency{} // see TestLatencyOfCommands
		if want := (client.Ack{ID: 2, Revision: 2, Hops: &wire.Hops{Edge: 1, Bus: 2, Mailbox: 3, Handler: 4, Journal: 5, Fanout: 6}}); err != nil || !cmp.Equal(got, want) {
			t.Errorf("Do = %+v, %v, want %+v", got, err, want)
		}
		_, err = c.Send(t.Context(), "say", nil)
		if r, ok := errors.AsType[*client.Rejected](err); !ok || r.Code != "invalid" || r.Message != "empty line" {
			t.Errorf("Send = %v, want a *Rejected", err)
		}
	})
}

func TestSendRefusesWhatIsNoJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(0, "{}"))
		for _, data := range []any{json.RawMessage("{"), func() {}, json.RawMessage("1 2")} {
			if _, err := c.Send(t.Context(), "say", data); err == nil {
				t.Errorf("Send of %v succeeded", data)
			}
			if _, err := c.Query(t.Context(), "get", data); err == nil {
				t.Errorf("Query of %v succeeded", data)
			}
			if c.Signal("x", data) == nil || c.SetPresence(data) == nil {
				t.Errorf("Signal or SetPresence of %v succeeded", data)
			}
		}
		if err := c.SetPresence(strings.Repeat("x", 4095)); err == nil {
			t.Error("SetPresence of more than 4 KiB succeeded")
		}
		expectFrames(t, l)
	})
}

// TestConcurrentSends has many goroutines send at once: ids rise in the order of the frames.
func TestConcurrentSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(0, "{}"))
		const senders, each = 20, 30
		var wg sync.WaitGroup
		for range senders {
			wg.Go(func() {
				for range each {
					if _, err := c.Send(t.Context(), "say", nil); err != nil {
						t.Errorf("Send = %v", err)
					}
				}
			})
		}
		for id := uint64(1); id <= senders*each; id++ {
			if f := l.frame(); f.ID != id {
				t.Fatalf("the client sent id %d, want %d", f.ID, id)
			}
			l.send(ack(id, 1))
		}
		wg.Wait()
	})
}

func TestResend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(0, "{}"))
		calls := []*client.Call{start(t, c, "a"), start(t, c, "b"), start(t, c, "c")}
		expectFrames(t, l, "command 1 a", "command 2 b", "command 3 c")
		l.send(ack(2, 7))
		synctest.Wait()
		l.drop()
		synctest.Wait()
		calls = append(calls, start(t, c, "d")) // without a link
		l = s.link()
		expectFrames(t, l) // nothing before the welcome
		l.send(`{"type":"welcome","member":"m1","epoch":"e1","rev":0,"resumed":true,"acked":2,"known":true,"heartbeat":25000}`)
		expectFrames(t, l, "command 1 a", "command 3 c", "command 4 d")
		l.drop()
		l = s.link() // and once more
		l.send(resumed(0))
		expectFrames(t, l, "command 1 a", "command 3 c", "command 4 d")
		l.send(ack(1, 7), ack(3, 8), `{"type":"reject","id":4,"code":"forgotten","message":""}`)
		l.send(event(1), event(2), event(3), event(4), event(5)) // outcomes stay as they were
		for i, p := range calls[:3] {
			if a, err := outcome(t, p); err != nil || a.ID != uint64(i+1) || string(a.Reply) != fmt.Sprintf(`{"n":%d}`, i+1) {
				t.Errorf("command %d: %+v, %v", i+1, a, err)
			}
		}
		if _, err := outcome(t, calls[3]); err == nil || err.Error() != "rejected: forgotten: " {
			t.Errorf("command 4: %v, want forgotten", err)
		}
	})
}

func TestFateUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(0, "{}"))
		sent := start(t, c, "sent")
		expectFrames(t, l, "command 1 sent")
		l.drop()
		synctest.Wait()
		unsent := start(t, c, "unsent")
		l = s.link()
		l.send(`{"type":"welcome","member":"m1","epoch":"e2","rev":0,"resumed":false,"acked":0,"known":false,"state":1,"heartbeat":25000}`)
		expectFrames(t, l, "command 2 unsent")
		if _, err := outcome(t, sent); !errors.Is(err, client.ErrFateUnknown) {
			t.Errorf("a command that was sent before the connection was forgotten = %v, want ErrFateUnknown", err)
		}
		l.send(ack(2, 1))
		if _, err := outcome(t, unsent); err != nil {
			t.Errorf("a command that was not = %v", err)
		}
	})
}

// TestIDsGoOnAfterARestart has a program come back under the name of a connection that has sent
// commands before. It may have used more ids than the platform knows of.
func TestIDsGoOnAfterARestart(t *testing.T) {
	for acked, want := range map[uint64]uint64{17: 946684800000000, 946684800000099: 946684800000100} { // midnight of a synctest, in µs
		synctest.Test(t, func(t *testing.T) {
			s := newServer(t)
			c, l := s.open(client.Config{Conn: "conn-of-the-tests"}, fmt.Sprintf(
				`{"type":"welcome","member":"m1","epoch":"e1","rev":9,"resumed":false,"acked":%d,"known":true,"state":1,"heartbeat":25000}`, acked))
			start(t, c, "a")
			start(t, c, "b")
			expectFrames(t, l, fmt.Sprintf("command %d a", want), fmt.Sprintf("command %d b", want+1))
		})
	}
}

func TestInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(0, "{}"))
		for range 256 {
			start(t, c, "a")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Start(ctx, client.Command{Name: "a"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the 257th Start = %v, want DeadlineExceeded", err)
		}
		for id := uint64(1); id <= 256; id++ {
			if f := l.frame(); f.ID != id {
				t.Fatalf("the client sent id %d, want %d", f.ID, id)
			}
		}
		l.send(ack(77, 1))
		start(t, c, "b")
		expectFrames(t, l, "command 257 b")
	})
}

func TestCancelledSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(0, "{}"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Send(ctx, "sent", nil)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, client.ErrFateUnknown) {
			t.Errorf("Send = %v, want DeadlineExceeded and ErrFateUnknown", err)
		}
		expectFrames(t, l, "command 1 sent")
		l.drop()
		synctest.Wait()
		s.refuse(func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		})
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = c.Send(ctx, "unsent", nil)
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, client.ErrFateUnknown) {
			t.Errorf("Send without a link = %v, want DeadlineExceeded alone", err)
		}
		s.refuse(nil)
		l = s.link()
		l.send(resumed(0))
		expectFrames(t, l, "command 1 sent") // its fate is still of interest to the platform
		l.send(ack(1, 1))
		synctest.Wait()
		for range 256 { // all places are free again
			start(t, c, "a")
		}
	})
}

func TestCancelledSendThatIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(0, "{}"))
		l.deaf <- struct{}{}
		start(t, c, "a")
		synctest.Wait()
		start(t, c, "b") // is being written
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Send(ctx, "c", nil); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, client.ErrFateUnknown) {
			t.Errorf("Send = %v, want DeadlineExceeded alone", err)
		}
		start(t, c, "d")
		<-l.deaf
		expectFrames(t, l, "command 1 a", "command 2 b", "command 4 d")
	})
}

func TestQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(0, "{}"))
		type result struct {
			answer client.Answer
			err    error
		}
		results := make(chan result, 2)
		ask := func(ctx context.Context) {
			a, err := c.Query(ctx, "get", 1)
			results <- result{a, err}
		}
		go ask(t.Context())
		synctest.Wait()
		start(t, c, "a")
		abandoned, cancel := context.WithCancel(t.Context())
		go ask(abandoned)
		expectFrames(t, l, "query 1 get", "command 2 a", "query 3 get")
		cancel()
		if r := <-results; !errors.Is(r.err, context.Canceled) || errors.Is(r.err, client.ErrFateUnknown) {
			t.Errorf("a cancelled Query = %v, want Canceled alone", r.err)
		}
		l.drop()
		l = s.link()
		l.send(resumed(0))
		expectFrames(t, l, "command 2 a", "query 4 get") // asked again, under a new id
		l.send(`{"type":"answer","id":4,"rev":3,"data":{"n":1}}`)
		if r := <-results; r.err != nil || r.answer.Revision != 3 || string(r.answer.Data) != `{"n":1}` {
			t.Errorf("Query = %+v, %v", r.answer, r.err)
		}
		go ask(t.Context())
		expectFrames(t, l, "query 5 get")
		l.send(`{"type":"reject","id":5,"code":"unknown_command","message":"no query get"}`)
		if r := <-results; r.err == nil || r.err.Error() != "rejected: unknown_command: no query get" {
			t.Errorf("Query = %v, want a *Rejected", r.err)
		}
	})
}

func TestCloseEndsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{InFlight: 2}, welcome(0, "{}"))
		calls := []*client.Call{start(t, c, "a"), start(t, c, "b")}
		expectFrames(t, l, "command 1 a", "command 2 b")
		third := make(chan error)
		go func() {
			_, err := c.Start(t.Context(), client.Command{Name: "c"})
			third <- err
		}()
		synctest.Wait()
		if err := c.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		l.closed()
		for _, p := range calls {
			if _, err := outcome(t, p); !errors.Is(err, client.ErrClosed) || !errors.Is(err, client.ErrFateUnknown) {
				t.Errorf("Wait = %v, want ErrClosed and ErrFateUnknown", err)
			}
		}
		if err := <-third; !errors.Is(err, client.ErrClosed) {
			t.Errorf("Start that waited = %v, want ErrClosed", err)
		}
		if _, err := c.Send(t.Context(), "d", nil); !errors.Is(err, client.ErrClosed) {
			t.Errorf("Send = %v, want ErrClosed", err)
		}
		if err := c.Signal("s", nil); !errors.Is(err, client.ErrClosed) {
			t.Errorf("Signal = %v, want ErrClosed", err)
		}
		if _, err := c.Latency(t.Context()); !errors.Is(err, client.ErrClosed) {
			t.Errorf("Latency = %v, want ErrClosed", err)
		}
		if got := c.Status(); got != (client.Status{Phase: client.Closed}) {
			t.Errorf("Status = %v", got)
		}
	})
}
