package edge

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/edge/internal/websock"
	"github.com/tutti-rt/tutti/internal/platform"
)

// Tickets seals claims into tickets and opens them again.
type Tickets interface {
	// Seal returns a ticket that carries the claims and the time.
	Seal(c tutti.Claims, at time.Time) (string, error)
	// Open returns the ticket's id, which tells it from all others, and what was sealed.
	Open(ticket string) (id string, c tutti.Claims, at time.Time, err error)
}

const (
	ticketPrefix = "ticket."
	// ticketLife is how long a ticket is good that was made for a token which does not expire.
	ticketLife = 24 * time.Hour
	// ticketLeeway is how far clocks may differ, as for tokens.
	ticketLeeway = 2 * time.Second
	// cachedTickets is how many bindings an edge knows at least before it forgets some.
	cachedTickets = 16_384
)

// ticketAnswer is the body of the answer to POST /v1/tickets.
type ticketAnswer struct {
	Ticket    string `json:"ticket"`
	ExpiresIn int64  `json:"expires_in"` // seconds
}

// postTicket answers with a ticket that carries what the token says.
func (x *exchange) postTicket() *problem {
	e := x.edge
	if e.shared.Tickets == nil {
		return refuse(http.StatusNotFound, "tickets are not given here")
	}
	claims, p := e.authenticate(x.r.Context(), token(x.r))
	if p != nil {
		return p
	}
	if p := e.notTerminated(x.r.Context(), x.bearer(claims)); p != nil {
		return p
	}
	if !e.subjects.takeTicket(claims.Subject, e.now(), &e.limits) {
		e.count.rateLimit.Add(1)
		return tooManyTickets()
	}
	now := e.clock()
	ticket, err := e.shared.Tickets.Seal(claims, now)
	if err != nil {
		return refuse(http.StatusBadRequest, "the token says more than a ticket can carry")
	}
	first := platform.FirstUse
	if !claims.ExpiresAt.IsZero() {
		first = max(min(first, claims.ExpiresAt.Sub(now)), 0)
	}
	x.w.Header().Set("Content-Type", "application/json")
	x.w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(x.w).Encode(ticketAnswer{ticket, int64(first / time.Second)}) // a client that is gone needs no answer
	return nil
}

// ticket returns the ticket of the query or of a subprotocol, or "".
func ticket(r *http.Request) string {
	if t := r.URL.Query().Get("ticket"); t != "" {
		return t
	}
	for _, p := range websock.Tokens(r.Header, "Sec-WebSocket-Protocol") {
		if t, ok := strings.CutPrefix(p, ticketPrefix); ok {
			return t
		}
	}
	return ""
}

// redeem returns the claims of a ticket that is bound to the exchange's entity and connection, or becomes so by this use.
// It costs an envelope at most, and nothing but the opening when the ticket is forged or known here.
func (x *exchange) redeem(ticket string) (tutti.Claims, *problem) {
	e := x.edge
	invalid := unauthorized("the ticket is not valid")
	if e.shared.Tickets == nil {
		return tutti.Claims{}, invalid
	}
	id, claims, made, err := e.shared.Tickets.Open(ticket)
	if err != nil {
		return tutti.Claims{}, invalid
	}
	now, until := e.clock(), made.Add(ticketLife)
	if !claims.ExpiresAt.IsZero() {
		until = claims.ExpiresAt.Add(ticketLeeway)
	}
	if !now.Before(until) {
		return tutti.Claims{}, invalid
	}
	to := x.digest(id)
	bound, known := e.bound.get(id)
	if !known {
		_, known = e.bound.get(id + to)
	}
	if !known {
		if !e.subjects.takeTicket(claims.Subject, e.now(), &e.limits) {
			e.count.rateLimit.Add(1)
			return tutti.Claims{}, tooManyTickets()
		}
		b := platform.Bind{Ticket: id, To: to, Sub: claims.Subject, Made: made.UnixMilli(), Until: until.UnixMilli()}
		err := e.askOwn(x.r.Context(), e.timing.Verify, platform.Tickets, platform.TicketEntity(id), "bind", b, nil)
		no, rejected := errors.AsType[*tutti.Rejection](err)
		switch {
		case err == nil:
			bound = to
			e.bound.set(id, to)
		case rejected && (no.Code == platform.CodeTaken || no.Code == platform.CodeLate):
			e.bound.set(id+to, "") // for good
		case errors.Is(err, ErrFull):
			return tutti.Claims{}, tooManyTickets()
		default:
			return tutti.Claims{}, unavailable("the ticket cannot be checked just now")
		}
	}
	if bound != to {
		return tutti.Claims{}, invalid
	}
	return claims, nil
}

func tooManyTickets() *problem {
	return refuse(http.StatusTooManyRequests, "too many tickets of the subject").retry(10 * time.Second)
}

// digest names the exchange's entity and connection, for one ticket.
func (x *exchange) digest(ticket string) string {
	sum := sha256.Sum256([]byte(ticket + "\x00" + x.category.Name + "\x00" + x.id + "\x00" + x.conn))
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}

// ticketCache is what tickets are bound to, as far as this edge has seen, and what they are refused for. Neither ever
// changes. The older half is forgotten when it is full.
type ticketCache struct {
	mu          sync.Mutex
	young, aged map[string]string
}

func (c *ticketCache) get(id string) (to string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if to, ok = c.young[id]; !ok {
		to, ok = c.aged[id]
	}
	return to, ok
}

func (c *ticketCache) set(id, to string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.young[id]; ok {
		return
	}
	if len(c.young) >= cachedTickets || c.young == nil {
		c.young, c.aged = make(map[string]string), c.young
	}
	c.young[id] = to
}
