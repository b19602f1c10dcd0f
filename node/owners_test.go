package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus/bustest"
	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/node"
	"github.com/tutti-rt/tutti/wire"
)

type register struct{ N, Came, Gone int }

// registers count what is added, and who comes and goes.
func registers() *tutti.Category {
	type came struct{}
	type gone struct{}
	return tutti.NewCategory("register",
		tutti.OnConnect(func(t *tutti.Turn[register]) error { t.Emit(came{}); return nil }),
		tutti.OnDisconnect(func(t *tutti.Turn[register]) error { t.Emit(gone{}); return nil }),
		tutti.OnCommand(func(t *tutti.Turn[register], c add) error { t.Emit(added(c)); return nil }),
		tutti.OnEvent(func(s *register, e added) { s.N += e.By }),
		tutti.OnEvent(func(s *register, _ came) { s.Came++ }),
		tutti.OnEvent(func(s *register, _ gone) { s.Gone++ }),
	)
}

// onlooker checks what a client gets: one welcome, every event after it, every acknowledgement once and in order, and no end.
type onlooker struct {
	welcomed bool
	rev      uint64
	acked    uint64
	posts    bool // and what it posts is acknowledged beside its stream
}

func (o *onlooker) look(frame string) error {
	f, err := wire.DecodeServerFrame([]byte(frame))
	switch {
	case err != nil:
		return err
	case f.Type == wire.TypeStatus, f.Type == wire.TypePresence:
		return nil
	case f.Type == wire.TypeWelcome && !o.welcomed:
		o.welcomed, o.rev = true, f.Revision
		return nil
	case f.Type == wire.TypeEvent && f.Revision == o.rev+1:
		o.rev++
		return nil
	case f.Type == wire.TypeAck && o.posts && f.Revision <= o.rev:
		return nil
	case f.Type == wire.TypeAck && f.ID == o.acked+1 && f.Revision <= o.rev:
		o.acked++
		return nil
	}
	return fmt.Errorf("at revision %d, with %d acknowledged, comes %s", o.rev, o.acked, frame)
}

// losing is a node whose partitions are taken from it again and again, as its clients are answered.
type losing struct {
	*venue
	journal  *memjournal.Journal
	answered atomic.Int64
	lost     chan struct{} // one for each loss to come
}

const (
	everyAnswers = 60 // between two losses
	losses       = 5
)

func (l *losing) answer() {
	if l.answered.Add(1)%everyAnswers == 0 {
		select {
		case l.lost <- struct{}{}:
		default: // the one before is not over
		}
	}
}

// lose takes the partitions away, in turn by owning them and by an append of which nobody knows whether it is stored.
func (l *losing) lose(ctx context.Context) {
	for i := range losses {
		select {
		case <-l.lost:
		case <-ctx.Done():
			return
		}
		if i%2 == 0 {
			all, err := l.journal.Partitions(ctx)
			for _, p := range all {
				if err == nil {
					_, err = l.journal.Acquire(ctx, p)
				}
			}
			if err != nil {
				l.t.Error(err)
			}
			continue
		}
		var once atomic.Bool
		l.journal.Inject(memjournal.Faults{Append: func(context.Context, journal.Partition, journal.Batch) memjournal.Fault {
			if once.Swap(true) {
				return memjournal.Fault{}
			}
			return memjournal.Fault{Err: journal.ErrUnknown, Stored: i%4 == 1}
		}})
	}
}

const eachSends = 100 // commands of a client

// overSocket sends commands, some at a time.
func (l *losing) overSocket(conn string, commands int) error {
	s, status := l.socket("/v1/register/a?conn="+conn, "bearer."+l.token("ann"))
	if s == nil {
		return fmt.Errorf("WebSocket = %d", status)
	}
	var o onlooker
	sent := 0
	for !o.welcomed || o.acked < uint64(commands) {
		for ; sent < min(commands, int(o.acked)+8); sent++ {
			s.send(fmt.Sprintf(`{"type":"command","id":%d,"name":"add","data":{"By":1}}`, sent+1))
		}
		_, frame, err := s.ws.Read(l.t.Context())
		if err != nil {
			return err
		}
		before := o.acked
		if err := o.look(string(frame)); err != nil {
			return err
		}
		if o.acked > before {
			l.answer()
		}
	}
	return nil
}

// beside posts commands of a connection one after the other.
func (l *losing) beside(conn string) error {
	for i := range eachSends {
		status, body := l.post(l.base+"/v1/register/a/commands?conn="+conn, l.token("ann"), fmt.Sprintf(`{"type":"command","id":%d,"name":"add","data":{"By":1}}`, i+1))
		if want := fmt.Sprintf(`"ack","id":%d,`, i+1); status != 200 || !strings.Contains(body, want) {
			return fmt.Errorf("POST = %d %s, want %s", status, body, want)
		}
		l.answer()
	}
	return nil
}

// calls commands with a key each.
func (l *losing) calls() error {
	for i := range eachSends {
		r, err := http.NewRequestWithContext(l.t.Context(), http.MethodPost, l.base+"/v1/register/a/commands", strings.NewReader(`{"name":"add","data":{"By":1}}`))
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+l.token("cid"))
		r.Header.Set("Idempotency-Key", fmt.Sprint(i))
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.StatusCode != 200 {
			return fmt.Errorf("call %d = %d, want 200", i, response.StatusCode)
		}
		l.answer()
	}
	return nil
}

// TestClientsNoticeNoChangeOfOwner has the partitions change owners under load: nobody's link ends or begins anew, every command is
// answered and carried out once, events have no gap, and nobody has come or gone.
func TestClientsNoticeNoChangeOfOwner(t *testing.T) {
	l := &losing{journal: memjournal.New(), lost: make(chan struct{}, 1)}
	l.venue = openVenue(t, func(c *node.Config) {
		c.Categories = append(c.Categories, registers())
		c.Journal, c.Bus = l.journal, bustest.NewRouter(localbus.New())
	})
	ctx, cancel := context.WithCancel(t.Context())
	var watching, sending sync.WaitGroup
	watching.Go(func() { l.lose(ctx) })
	check := func(what string, err error) {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	stream := l.events("/v1/register/a?conn=stream-0123456789", "Authorization", "Bearer "+l.token("ann"))
	watching.Go(func() {
		o := onlooker{posts: true}
		for frame := stream.next(); frame != ""; frame = stream.next() {
			if err := o.look(frame); err != nil {
				check("stream", err)
				return
			}
		}
		if ctx.Err() == nil {
			t.Error("the stream ended")
		}
	})
	polls := &poller{v: l.venue, path: "/v1/register/a?conn=polls-01234567890", token: l.token("ann"), ctx: ctx}
	watching.Go(func() {
		var o onlooker
		for ctx.Err() == nil {
			response, err := polls.ask()
			if err != nil {
				if ctx.Err() == nil {
					check("poll", err)
				}
				return
			}
			var frames []json.RawMessage
			if response.StatusCode == 200 {
				err = json.NewDecoder(response.Body).Decode(&frames)
			} else if response.StatusCode != 204 {
				err = errors.New(response.Status)
			}
			response.Body.Close()
			if c := response.Header.Get("Tutti-Cursor"); c != "" {
				polls.cursor = c
			}
			for _, f := range frames {
				err = errors.Join(err, o.look(string(f)))
			}
			if err != nil {
				if ctx.Err() == nil {
					check("poll", err)
				}
				return
			}
		}
	})
	for i := range 3 {
		sending.Go(func() { check("socket", l.overSocket(fmt.Sprintf("socket-%010d", i), eachSends)) })
	}
	sending.Go(func() { check("posts", l.beside("stream-0123456789")) })
	sending.Go(func() { check("calls", l.calls()) })
	sending.Wait()
	status, view := get(t, l.base+"/v1/register/a", "Authorization", "Bearer "+l.token("ann"), "Accept", "application/json")
	if want := fmt.Sprintf(`{"N":%d,"Came":5,"Gone":0}`, 5*eachSends); status != 200 || view != want {
		t.Errorf("at last there is %d %s, want %s", status, view, want)
	}
	if n := strings.Count(l.log.String(), "partition not served"); n < losses {
		t.Errorf("%d ownerships were lost, want %d", n, losses)
	}
	cancel()
	_ = stream.close()
	watching.Wait()
}
