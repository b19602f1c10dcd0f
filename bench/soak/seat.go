package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// Guests brings clients of others to a run: each sits in a seat, and reports there what its application is told.
type Guests interface {
	// Seat returns who drives the client of this seat, or nil when no more come. It is called until then, before the load.
	// What runs for a driver ends after its End; ctx is done when all has to.
	Seat(ctx context.Context, s *Seat) (Driver, error)
	// Category of the entity that the next seat is at; empty: no more come.
	Category() string
	// Close waits until nothing runs any more.
	Close() error
}

// Driver has one client do something. Its methods do not wait.
type Driver interface {
	Command(ref uint64, name string, data []byte, expect *uint64)
	Query(ref uint64, name string)
	Signal(name string, data []byte)
	// End closes the client for good.
	End(leave bool)
}

// Seat is the place of one client at one entity. Its methods say what the client's application was told, and are safe
// for concurrent use.
type Seat struct {
	s *session
	w *world
}

// Conn is the name of the connection.
func (t *Seat) Conn() string { return t.s.conn }

// Number is that of the connection among all of a run.
func (t *Seat) Number() uint32 { return t.s.number }

// Category and ID name the entity.
func (t *Seat) Category() string { return t.s.place.category }

// ID is the entity's.
func (t *Seat) ID() string { return t.s.place.id }

// Presence says whether the client is to be told who is here.
func (t *Seat) Presence() bool { return t.s.manner.presence }

// Token signs a token for the client.
func (t *Seat) Token() (string, error) { return t.w.config.Token(t.s.sub) }

// Random is a source of choices of the seat's own, to be used by one goroutine.
func (t *Seat) Random() *rand.Rand { return t.w.random(uint64(t.s.number) + 1<<45) }

// URLs are those of the node, and of the ways to it.
func (t *Seat) URLs() []string { return append(slices.Clone(t.w.relays), t.w.config.URL) }

// Stopping is closed when no more is sent.
func (t *Seat) Stopping() <-chan struct{} { return t.w.stopping }

// Gone is closed when the client has to go.
func (t *Seat) Gone() <-chan struct{} { return t.s.quit }

// Idle reports whether all that was sent has its answer.
func (t *Seat) Idle() bool { return t.s.idle() }

// Fail reports a promise that was not kept.
func (t *Seat) Fail(broken, told string) { t.w.fail(t.s.place, 0, broken, told) }

// Member says what others see of the client.
func (t *Seat) Member(member string) {
	s := t.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.member == "" {
		s.member = member
		s.place.notes.member(s.number, member)
	}
	if s.member != member {
		t.Fail("a connection stays the same member: "+s.member, member)
	}
}

// State takes a state that replaces all that was known.
func (t *Seat) State(revision uint64, data []byte) {
	s := t.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shown && revision < s.last {
		s.fail(s.place, revision, fmt.Sprintf("a state is not older than what was told before: %d", s.last), "state to connection "+token(s.number, 0))
	}
	s.takeState(revision, data)
	s.place.reveal(revision)
}

// Event takes the next event.
func (t *Seat) Event(name string, revision uint64, data []byte, at int64, by string, command uint64) {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	f := wire.ServerFrame{Type: wire.TypeEvent, Name: name, Revision: revision, Prev: revision - 1, Data: data, At: at, By: by, Command: command}
	_ = t.s.takeEvent(&f) // what it says is noted
}

// Acked says that a command is durable.
func (t *Seat) Acked(ref, id, revision uint64, reply []byte) {
	t.outcome(ref, &wire.ServerFrame{Type: wire.TypeAck, ID: id, Revision: revision, Data: reply})
}

// Rejected says that a command or query was rejected. The id may be 0, where the client does not tell it.
func (t *Seat) Rejected(ref, id uint64, code string) {
	t.outcome(ref, &wire.ServerFrame{Type: wire.TypeReject, ID: id, Code: code})
}

// Answered says what a query brought.
func (t *Seat) Answered(ref, revision uint64, data []byte) {
	t.outcome(ref, &wire.ServerFrame{Type: wire.TypeAnswer, Revision: revision, Data: data})
}

// outcome takes what became of a command or query.
func (t *Seat) outcome(ref uint64, f *wire.ServerFrame) {
	s := t.s
	s.mu.Lock()
	defer s.mu.Unlock()
	told := fmt.Sprintf("%s of %d, command %d of connection %d at %d %s", f.Type, ref, f.ID, s.number, f.Revision, f.Code)
	at := slices.IndexFunc(s.waiting, func(q sent) bool { return q.id == ref })
	if at < 0 {
		s.fail(s.place, f.Revision, "what has no answer yet is answered, once", told)
		return
	}
	q := s.waiting[at]
	s.waiting = slices.Delete(s.waiting, at, at+1)
	if q.query {
		s.takeQueried(&q, f, told)
		return
	}
	if f.Type != wire.TypeReject && f.ID == 0 {
		s.fail(s.place, f.Revision, "an acknowledged command has an id", told)
	}
	s.takeOutcome(&q, f, told, false)
}

// invite brings all guests.
func (c *cast) invite(ctx context.Context) error {
	byCategory := make(map[string]*crew)
	for i, s := range shares {
		byCategory[s.category] = c.crews[i]
	}
	for _, guests := range c.config.Guests {
		for n := 0; ; n++ {
			category := guests.Category()
			if category == "" {
				break
			}
			var at []*place
			for _, p := range c.places {
				if p.category == category {
					at = append(at, p)
				}
			}
			if len(at) == 0 {
				return fmt.Errorf("no entity of category %q for guests", category)
			}
			s := c.newSession(at[n%len(at)], manner{watch: true, presence: category == "room"})
			d, err := guests.Seat(ctx, &Seat{s: s, w: c.world})
			if err != nil {
				return fmt.Errorf("seat a guest at %s: %w", s.place.name(), err)
			}
			s.driver = d
			c.mu.Lock()
			c.sessions = append(c.sessions, s)
			c.mu.Unlock()
			byCategory[category].mix(s, c.random(uint64(s.number)+1<<44))
			c.clients.Go(func() { s.escort(ctx) })
		}
	}
	return nil
}

// escort waits until a guest has to go.
func (s *session) escort(ctx context.Context) {
	defer s.conclude()
	defer s.end(false)
	select {
	case <-s.quit:
	case <-ctx.Done():
	}
}

// guestTime is how long guests may take to go.
const guestTime = 20 * time.Second

// dismissGuests waits until nothing of them runs.
func (c *cast) dismissGuests() (err error) {
	done := make(chan error, 1)
	go func() { // ends with the guests; a run whose guests do not go has failed
		var first error
		for _, g := range c.config.Guests {
			if err := g.Close(); err != nil && first == nil {
				first = err
			}
		}
		done <- first
	}()
	select {
	case err = <-done:
	case <-time.After(guestTime):
		err = fmt.Errorf("guests have not gone after %s", guestTime)
	}
	return err
}
