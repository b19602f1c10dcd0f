package platform

import (
	"fmt"
	"hash/fnv"
	"time"

	"github.com/tutti-rt/tutti"
)

// FirstUse is how long a ticket may wait for its first use.
const FirstUse = 30 * time.Second

// Bounds of what is remembered of tickets. There are ticketShards entities.
const (
	ticketShards  = 256
	shardBindings = 2048 // of one entity
	subBindings   = 64   // of one subject at one entity
)

// Codes with which a Bind is rejected.
const (
	CodeTaken = "taken" // the ticket is bound to something else
	CodeLate  = "late"  // nobody has used the ticket in time
	CodeFull  = "full"  // there is no room for a further binding
)

// TicketEntity returns the id of the entity that remembers a ticket, by the ticket's id.
func TicketEntity(ticket string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(ticket)) // never fails
	return fmt.Sprintf("%02x", h.Sum32()%ticketShards)
}

// Bind uses a ticket for a connection: the first one that comes in time has it, for as long as the ticket is good.
type Bind struct {
	Ticket string `json:"ticket"` // its id
	To     string `json:"to"`     // a digest of entity and connection
	Sub    string `json:"sub"`
	Made   int64  `json:"made"`  // when the ticket was made, Unix ms
	Until  int64  `json:"until"` // until when it is good, Unix ms
}

// Bound says that a ticket has been used for the first time.
type Bound struct {
	Ticket string `json:"ticket"`
	To     string `json:"to"`
	Sub    string `json:"sub"`
	At     int64  `json:"at"` // Unix ms
	Until  int64  `json:"until"`
	// Forget is another ticket of the same subject, which makes room.
	Forget string `json:"forget,omitempty"`
}

// bindings are the state of one entity of Tickets.
type bindings struct {
	Bound map[string]binding `json:"bound"` // by ticket
	Prune int64              `json:"prune"` // when it is looked for what is over, Unix ms
}

type binding struct {
	To    string `json:"to"`
	Sub   string `json:"sub"`
	At    int64  `json:"at"`
	Until int64  `json:"until"`
}

// pruneEvery is how often bindings that are over are looked for, in ms.
const pruneEvery = 60_000

// Tickets remember what tickets are bound to.
var Tickets = tutti.NewCategory(Prefix+"ticket",
	tutti.OnCommand(bind, tutti.Name("bind")),
	tutti.OnEvent(func(s *bindings, e Bound) { s.bind(e) }, tutti.Name("bound")),
)

func bind(t *tutti.Turn[bindings], c Bind) error {
	s, now := t.State(), t.Now().UnixMilli()
	switch have, ok := s.Bound[c.Ticket]; {
	case ok && have.To == c.To:
		return nil
	case ok:
		return tutti.Reject(CodeTaken, "the ticket is bound to something else")
	case now > c.Made+FirstUse.Milliseconds() || now >= c.Until:
		return tutti.Reject(CodeLate, "the ticket was not used in time")
	}
	forget, ok := s.room(c.Sub, now)
	if !ok {
		return tutti.Reject(CodeFull, "too many tickets are in use")
	}
	t.Emit(Bound{Ticket: c.Ticket, To: c.To, Sub: c.Sub, At: now, Until: c.Until, Forget: forget})
	return nil
}

// room returns the ticket that makes room for another one of sub, "" when there is enough. A ticket that may still be used
// for the first time is never forgotten, or it could be used for two.
func (s *bindings) room(sub string, now int64) (forget string, ok bool) {
	total, own := 0, 0
	var oldest int64
	for ticket, b := range s.Bound {
		if b.Until <= now {
			continue
		}
		total++
		if b.Sub != sub {
			continue
		}
		own++
		if now-b.At > FirstUse.Milliseconds() && (forget == "" || b.At < oldest || b.At == oldest && ticket < forget) {
			forget, oldest = ticket, b.At
		}
	}
	if own < subBindings && total < shardBindings {
		return "", true
	}
	return forget, forget != ""
}

func (s *bindings) bind(e Bound) {
	if s.Bound == nil {
		s.Bound = make(map[string]binding)
	}
	if e.At >= s.Prune {
		s.Prune = e.At + pruneEvery
		for ticket, b := range s.Bound {
			if b.Until <= e.At {
				delete(s.Bound, ticket)
			}
		}
	}
	delete(s.Bound, e.Forget)
	s.Bound[e.Ticket] = binding{To: e.To, Sub: e.Sub, At: e.At, Until: e.Until}
}
