package node_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/node"
)

const (
	connA = "connection-aaaaaaaa"
	connB = "connection-bbbbbbbb"
)

// A ticket is for the entity and connection of its first use, over whatever transport, and for nobody else.
func TestTicketIsForOne(t *testing.T) {
	v := openVenue(t, nil)
	ticket := v.ticket(v.token("ann"))
	v.events("/v1/hall/a?conn=" + connA + "&ticket=" + ticket).until(`"welcome"`)
	v.events("/v1/hall/a?conn=" + connA + "&ticket=" + ticket).until(`"welcome"`)
	s, _ := v.socket("/v1/hall/a?conn="+connA, "ticket."+ticket)
	s.until(`"welcome"`)
	for path, what := range map[string]string{
		"/v1/hall/a?conn=" + connB + "&ticket=" + ticket:                                             "another connection",
		"/v1/hall/b?conn=" + connA + "&ticket=" + ticket:                                             "another entity",
		"/v1/tally/a?conn=" + connA + "&ticket=" + ticket:                                            "another category",
		"/v1/hall/a?conn=" + connA + "&ticket=" + ticket[:len(ticket)-1]:                             "a cut ticket",
		"/v1/hall/a?conn=" + connA + "&ticket=" + ticket[:40] + "AAAA" + ticket[44:]:                 "a forged ticket",
		"/v1/hall/a?conn=" + connA + "&ticket=x":                                                     "no ticket at all",
		"/v1/hall/a?conn=" + connA + "&ticket=":                                                      "an empty ticket",
		"/v1/hall/a?conn=" + connA + "&ticket=" + strings.Repeat("A", 20_000):                        "a long text",
		"/v1/hall/a?conn=" + connA + "&ticket=" + strings.Repeat("A", len(ticket)-3) + "&presence=1": "no ticket of ours",
	} {
		for range 2 { // the second time it is known here
			if got := v.events(path).status; got != 401 {
				t.Errorf("%s: %d, want 401", what, got)
			}
		}
	}
	// Whoever tried in vain takes nothing from who has it.
	v.events("/v1/hall/a?conn=" + connA + "&ticket=" + ticket).until(`"welcome"`)
	for _, secret := range []string{ticket, ticket[:40], connA, connB} {
		if strings.Contains(v.log.String(), secret) {
			t.Errorf("the log shows a ticket or a connection:\n%s", v.log.String())
		}
	}
}

func TestTicketCarriesTheToken(t *testing.T) {
	v := openVenue(t, func(c *node.Config) { c.Heartbeat = 50 * time.Millisecond }) // looks at the clock, too
	s, _ := v.socket("/v1/hall/a?conn="+connA, "ticket."+v.ticket(v.token("ann")))
	s.until(`"Log":["+ann"]`)
	// The connection is ann's from now on, whoever has a ticket.
	if _, status := v.socket("/v1/hall/a?conn="+connA, "ticket."+v.ticket(v.token("bob"))); status != 403 {
		t.Errorf("the connection of another subject = %d, want 403", status)
	}
	v.clock.forward(time.Hour)
	s.wantEnd("token_expired", 4401)
}

func TestTicketsHaveTimes(t *testing.T) {
	v := openVenue(t, nil)
	token := v.token("ann")
	inTime, late := v.ticket(token), v.ticket(token)
	forever := v.ticket(signed(t, tutti.Claims{Subject: "eve"}))
	v.clock.forward(29 * time.Second)
	use := func(conn, ticket string) int { return v.events("/v1/hall/a?conn=" + conn + "&ticket=" + ticket).status }
	for _, ticket := range []string{inTime, forever} {
		if got := use("of-"+ticket[1:20], ticket); got != 200 {
			t.Errorf("first use after 29 s = %d, want 200", got)
		}
	}
	v.clock.forward(2 * time.Second)
	if got := use(connB, late); got != 401 {
		t.Errorf("first use after 31 s = %d, want 401", got)
	}
	v.clock.forward(58 * time.Minute)
	if got := use("of-"+inTime[1:20], inTime); got != 200 {
		t.Errorf("use again before the token expires = %d, want 200", got)
	}
	v.clock.forward(2 * time.Minute)
	if got := use("of-"+inTime[1:20], inTime); got != 401 {
		t.Errorf("use again after the token has expired = %d, want 401", got)
	}
	if got := use("of-"+forever[1:20], forever); got != 200 {
		t.Errorf("use again of a ticket whose token does not expire = %d, want 200", got)
	}
	v.clock.forward(24 * time.Hour)
	if got := use("of-"+forever[1:20], forever); got != 401 {
		t.Errorf("use after a day of a ticket whose token does not expire = %d, want 401", got)
	}
	soon := signed(t, tutti.Claims{Subject: "ann", ExpiresAt: v.clock.now().Add(9500 * time.Millisecond)})
	if status, body := v.post(v.base+"/v1/tickets", soon, ""); status != 200 || !strings.Contains(body, `"expires_in":9}`) {
		t.Errorf("a ticket of a token that expires in 9.5 s = %d %s, want it good for 9 s", status, body)
	}
}

// What tickets are bound to is durable.
func TestTicketsAfterRestart(t *testing.T) {
	data := t.TempDir()
	keep := func(c *node.Config) { c.Data = data }
	v := openVenue(t, keep)
	token := v.token("ann")
	used, unused := v.ticket(token), v.ticket(token)
	v.events("/v1/hall/a?conn=" + connA + "&ticket=" + used).until(`"welcome"`)
	if err := v.stop(); err != nil {
		t.Fatal(err)
	}
	v = openVenue(t, keep)
	if got := v.events("/v1/hall/a?conn=" + connB + "&ticket=" + used).status; got != 401 {
		t.Errorf("after a restart, the ticket of another connection = %d, want 401", got)
	}
	v.events("/v1/hall/a?conn=" + connA + "&ticket=" + used).until(`"welcome"`)
	v.events("/v1/hall/a?conn=" + connB + "&ticket=" + unused).until(`"welcome"`)
}

func TestTicketsOfOtherSecrets(t *testing.T) {
	with := func(secret string) func(*node.Config) {
		return func(c *node.Config) { c.TicketSecret = []byte(strings.Repeat(secret, 32)) }
	}
	one, two, same := openVenue(t, with("1")), openVenue(t, with("2")), openVenue(t, with("1"))
	ticket := one.ticket(one.token("ann"))
	if got := two.events("/v1/hall/a?conn=" + connA + "&ticket=" + ticket).status; got != 401 {
		t.Errorf("a ticket made with another secret = %d, want 401", got)
	}
	same.events("/v1/hall/a?conn=" + connA + "&ticket=" + ticket).until(`"welcome"`)
}

// To bind a ticket costs what to make one does; to use it again costs nothing.
func TestBoundTicketsAreLimited(t *testing.T) {
	v := openVenue(t, func(c *node.Config) { c.Limits = edge.Limits{SubTickets: 5} })
	token := v.token("ann")
	one, two, three := v.ticket(token), v.ticket(token), v.ticket(token)
	use := func(ticket string, want int) {
		t.Helper()
		if got := v.events("/v1/hall/a?conn=of-" + ticket[1:20] + "&ticket=" + ticket).status; got != want {
			t.Errorf("a ticket is answered %d, want %d", got, want)
		}
	}
	use(one, 200)
	use(two, 200)
	use(three, 429)
	use(one, 200)
}

func TestTicketsAreLimited(t *testing.T) {
	v := openVenue(t, func(c *node.Config) { c.Limits = edge.Limits{SubTickets: 5} })
	for i := range 5 {
		if status, _ := v.post(v.base+"/v1/tickets", v.token("ann"), ""); status != 200 {
			t.Errorf("ticket %d = %d, want 200", i+1, status)
		}
	}
	if status, _ := v.post(v.base+"/v1/tickets", v.token("ann"), ""); status != 429 {
		t.Errorf("a sixth ticket = %d, want 429", status)
	}
	if status, _ := v.post(v.base+"/v1/tickets", v.token("bob"), ""); status != 200 {
		t.Errorf("a ticket of somebody else = %d, want 200", status)
	}
	for token, want := range map[string]int{"": 401, "x": 401} {
		if status, _ := v.post(v.base+"/v1/tickets", token, ""); status != want {
			t.Errorf("a ticket for the token %q = %d, want %d", token, status, want)
		}
	}
	if status, _ := get(t, v.base+"/v1/tickets", "Authorization", "Bearer "+v.token("ann")); status != 405 {
		t.Errorf("GET /v1/tickets = %d, want 405", status)
	}
	if status, _ := get(t, v.base+"/v1/tutti-ticket/00?conn="+connA, "Authorization", "Bearer "+v.token("ann")); status != 404 {
		t.Errorf("GET of a platform's entity = %d, want 404", status)
	}
}
