package tuttitest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"sync"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/wire"
)

// Client is somebody's connection to one entity of a [Platform]. What it receives waits, in order, for
// the expectations: states and events in one queue, messages in another.
//
// An expectation that has not come true yet lets the test's time pass until it has, or until the
// platform's patience is over.
type Client struct {
	p        *Platform
	category *turn.Category
	id       string
	who      string // for failures
	config   client.Config
	uplink   *uplink
	reading  sync.WaitGroup
	conn     *client.Client

	mu       sync.Mutex
	stream   []string // states and events that no expectation has taken
	messages []string
	here     map[string]bool // members, by presence
	ended    error           // why no update follows
	over     bool
}

// Connect connects to an entity and returns when it has accepted. Of the options it takes [As],
// [Claims], [Claim], [WithPresence], [SendOnly], [Conn] and [From].
func (p *Platform) Connect(category *tutti.Category, id string, opts ...Option) *Client {
	p.t.Helper()
	c, err := p.connect(category, id, opts)
	if err != nil {
		p.t.Fatalf("%s cannot connect to %s/%s: %v", c.who, category.Name(), id, err)
	}
	return c
}

// Refuses expects that an entity refuses a connection, with this code of a terminate frame, or with
// this status of HTTP: "403".
func (p *Platform) Refuses(category *tutti.Category, id, code string, opts ...Option) {
	p.t.Helper()
	c, err := p.connect(category, id, opts)
	if err == nil {
		p.t.Errorf("%s/%s accepted %s, want it refused with %s", category.Name(), id, c.who, code)
		return
	}
	if got := endCode(err); got != code {
		p.t.Errorf("%s/%s refused %s with %v, want %s", category.Name(), id, c.who, err, code)
	}
}

func (p *Platform) connect(category *tutti.Category, id string, opts []Option) (*Client, error) {
	var m message
	for _, o := range opts {
		o(&m)
	}
	if m.claims.Subject == "" {
		m.claims.Subject = "somebody" // a token has one
	}
	c := &Client{
		p: p, category: category.Untyped(), id: id, who: m.claims.Subject,
		uplink: &uplink{platform: p}, here: make(map[string]bool),
	}
	token, err := p.signer.Sign(m.claims)
	if err != nil {
		return c, err
	}
	c.config = client.Config{
		Token: token, Conn: m.conn, Cursor: m.cursor, SendOnly: m.sendOnly, Presence: m.presence,
		HTTPClient: c.uplink.httpClient(),
		Backoff:    client.Backoff{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond},
	}
	if c.config.Conn == "" {
		c.config.Conn = rand.Text()
	}
	return c, c.open()
}

// open connects, with what is in c.config.
func (c *Client) open() error {
	ctx, cancel := context.WithTimeout(c.p.t.Context(), c.p.config.Patience)
	defer cancel()
	conn, err := client.Open(ctx, client.EntityURL("ws://node.test", c.category.Name, c.id), c.config)
	if err != nil {
		return err
	}
	c.conn, c.over, c.ended = conn, false, nil
	c.reading.Go(func() { c.read(conn) })
	c.p.mu.Lock()
	c.p.clients = append(c.p.clients, c)
	c.p.mu.Unlock()
	return nil
}

// read takes what comes until the connection has ended for good.
func (c *Client) read(conn *client.Client) {
	ctx := context.WithoutCancel(c.p.t.Context()) // until the client is closed
	var err error
	for u, end := range conn.Updates(ctx) {
		if err = end; err == nil {
			c.take(u)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over, c.ended = true, err
}

func (c *Client) take(u client.Update) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch u := u.(type) {
	case client.State:
		c.stream = append(c.stream, stateLine(u.Data))
	case client.Event:
		c.stream = append(c.stream, eventLine(u.Name, u.Data))
	case client.Message:
		c.messages = append(c.messages, eventLine(u.Name, u.Data))
	case client.Presence:
		if u.Whole {
			clear(c.here)
		}
		for _, m := range u.Joined {
			c.here[m.Member] = true
		}
		for _, m := range u.Left {
			delete(c.here, m)
		}
	}
}

const stateMark = "(state) " // no event is called so

func stateLine(data []byte) string              { return stateMark + canonical(data) }
func eventLine(name string, data []byte) string { return name + " " + canonical(data) }

// Member returns what others see of the connection.
func (c *Client) Member() string { return c.conn.Member() }

// Cursor returns the last event that the client has received, to come back with: see [From].
func (c *Client) Cursor() wire.Cursor {
	c.p.settle(func() bool { return true })
	return c.conn.Cursor()
}

// Drop breaks the link. The client makes another one by itself, and goes on where it was.
func (c *Client) Drop() { c.uplink.drop() }

// Offline takes the network from the client, until Online.
func (c *Client) Offline() { c.uplink.setOffline(true) }

// Online gives it back.
func (c *Client) Online() { c.uplink.setOffline(false) }

// Leave ends the connection and tells the entity that it will not come back.
func (c *Client) Leave() {
	c.p.t.Helper()
	ctx, cancel := context.WithTimeout(c.p.t.Context(), c.p.config.Patience)
	defer cancel()
	if err := c.conn.Leave(ctx); err != nil {
		c.p.t.Errorf("%s cannot leave: %v", c.who, err)
	}
	c.reading.Wait()
}

// Close ends the connection without a word, as a device does that is switched off.
func (c *Client) Close() { c.close() }

func (c *Client) close() {
	if c.conn == nil {
		return
	}
	_ = c.conn.Close() // always nil
	c.reading.Wait()
}

// starting is how long a program takes to start. That its time is not the one before matters to the
// ids of its commands.
const starting = 100 * time.Millisecond

// Reopen connects again as the same connection, like a program that was started again and has kept
// its connection's name and its cursor. What no expectation has taken is forgotten.
func (c *Client) Reopen() {
	c.p.t.Helper()
	c.close()
	c.config.Cursor = c.conn.Cursor()
	c.mu.Lock()
	c.stream, c.messages = nil, nil
	c.mu.Unlock()
	time.Sleep(starting)
	if err := c.open(); err != nil {
		c.p.t.Fatalf("%s cannot connect again: %v", c.who, err)
	}
}

// Signal sends a signal: a value of a type that has an OnSignal, or a [Raw] one.
func (c *Client) Signal(signal any) {
	c.p.t.Helper()
	name, data := c.encode(turn.RoleSignal, signal)
	if err := c.conn.Signal(name, json.RawMessage(data)); err != nil {
		c.p.t.Errorf("%s cannot send signal %s: %v", c.who, name, err)
	}
}

func (c *Client) encode(role turn.Role, v any) (string, []byte) {
	c.p.t.Helper()
	name, data, err := encode(c.category, role, v)
	if err != nil {
		c.p.t.Fatalf("%v", err)
	}
	return name, data
}
