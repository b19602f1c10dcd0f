package continuity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/bench/soak"
	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/wire"
)

// GoClients are clients of package client.
type GoClients struct {
	roster
	// Switches counts how often a client was told to change its transport, Opened how often it was closed and opened
	// again under its name.
	Switches, Opened atomic.Int64
}

var _ soak.Guests = (*GoClients)(nil)

// NewGoClients returns so many of them, which choose from these transports.
func NewGoClients(n int, transports []string) *GoClients {
	return &GoClients{roster: roster{left: n, transports: transports}}
}

// Close implements soak.Guests.
func (g *GoClients) Close() error {
	g.running.Wait()
	return nil
}

// Seat implements soak.Guests.
func (g *GoClients) Seat(ctx context.Context, seat *soak.Seat) (soak.Driver, error) {
	d := &goDriver{
		clients: g, seat: seat, rng: seat.Random(),
		orders: make(chan order, mostOrders), leave: make(chan bool, 1), parted: make(chan struct{}),
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2}},
	}
	ctx, d.cancel = context.WithCancel(ctx)
	g.running.Go(func() { d.live(ctx) })
	return d, nil
}

// Times of a client's life.
const (
	switchEvery = 8 * time.Second  // about, until it changes its transport
	reopenEvery = 25 * time.Second // about, until it is closed and opened again
	mostOrders  = 64               // more than a session has without an answer
)

// order is something to be done.
type order struct {
	query, signal bool
	ref           uint64
	name          string
	data          []byte
	expect        *uint64
}

// goDriver is one client across the lives of client.Client.
type goDriver struct {
	clients *GoClients
	seat    *soak.Seat
	rng     *rand.Rand
	http    *http.Client
	orders  chan order
	leave   chan bool
	parted  chan struct{} // closed when the client has to go
	once    sync.Once
	cancel  context.CancelFunc
	waiting sync.WaitGroup // for answers
	open    atomic.Int64   // those without
}

func (d *goDriver) do(o order) {
	select {
	case d.orders <- o:
	case <-d.parted:
	}
}

// Command implements soak.Driver.
func (d *goDriver) Command(ref uint64, name string, data []byte, expect *uint64) {
	d.do(order{ref: ref, name: name, data: data, expect: expect})
}

// Query implements soak.Driver.
func (d *goDriver) Query(ref uint64, name string) { d.do(order{query: true, ref: ref, name: name}) }

// Signal implements soak.Driver.
func (d *goDriver) Signal(name string, data []byte) {
	d.do(order{signal: true, name: name, data: data})
}

// End implements soak.Driver.
func (d *goDriver) End(leave bool) {
	d.once.Do(func() {
		d.leave <- leave
		close(d.parted)
	})
}

// live opens the client again and again until it has to go.
func (d *goDriver) live(ctx context.Context) {
	defer d.cancel()
	defer d.http.CloseIdleConnections()
	var cursor wire.Cursor
	for {
		c, err := d.connect(ctx, cursor)
		if err != nil {
			select {
			case <-d.parted:
			default:
				if ctx.Err() == nil {
					d.seat.Fail("a client can be opened", err.Error())
				}
			}
			return
		}
		var reading sync.WaitGroup
		reading.Go(func() { d.read(ctx, c) })
		again := d.work(ctx, c)
		if !again {
			d.part(ctx, c)
		}
		_ = c.Close() // it always succeeds
		d.waiting.Wait()
		reading.Wait()
		cursor = c.Cursor()
		if !again {
			return
		}
		d.clients.Opened.Add(1)
	}
}

// connect opens the client. When the client has to go, it gives up.
func (d *goDriver) connect(ctx context.Context, cursor wire.Cursor) (*client.Client, error) {
	token, err := d.seat.Token()
	if err != nil {
		return nil, err
	}
	urls := d.seat.URLs()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() { // ends with the attempt
		select {
		case <-d.parted:
			cancel()
		case <-stop:
		}
	}()
	c, err := client.Open(ctx, client.EntityURL(urls[d.rng.IntN(len(urls))], d.seat.Category(), d.seat.ID()), client.Config{
		Token: token, Conn: d.seat.Conn(), Cursor: cursor, Presence: d.seat.Presence(),
		Transports: d.transports(), HTTPClient: d.http,
		PollWait: time.Duration(1+d.rng.IntN(20)) * time.Second,
		Backoff:  client.Backoff{Min: 20 * time.Millisecond, Max: time.Second},
	})
	if err != nil {
		return nil, err
	}
	d.seat.Member(c.Member())
	return c, nil
}

func (d *goDriver) transports() []client.Transport {
	var all []client.Transport
	for _, t := range d.clients.order(d.rng) {
		all = append(all, client.Transport(t))
	}
	return all
}

// work does what is ordered. It returns true when the client shall be closed and opened again.
func (d *goDriver) work(ctx context.Context, c *client.Client) (again bool) {
	after := func(mean time.Duration) <-chan time.Time {
		return time.After(time.Duration(d.rng.ExpFloat64() * float64(mean)))
	}
	changes, ends := after(switchEvery), after(reopenEvery)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-d.parted:
			return false
		case <-changes:
			changes = after(switchEvery)
			d.clients.Switches.Add(1)
			if err := c.SetTransports(d.transports()...); err != nil {
				d.ended(err)
			}
		case <-ends:
			if ends = after(reopenEvery); d.open.Load() == 0 && !d.stopping() {
				return true
			}
		case o := <-d.orders:
			d.start(ctx, c, o)
		}
	}
}

func (d *goDriver) stopping() bool {
	select {
	case <-d.seat.Stopping():
		return true
	default:
		return false
	}
}

func (d *goDriver) start(ctx context.Context, c *client.Client, o order) {
	switch {
	case o.signal:
		_ = c.Signal(o.name, json.RawMessage(o.data)) // it may be lost
	case o.query:
		d.open.Add(1)
		d.waiting.Go(func() {
			defer d.open.Add(-1)
			answer, err := c.Query(ctx, o.name, nil)
			d.settle(o, 0, err, func() { d.seat.Answered(o.ref, answer.Revision, answer.Data) })
		})
	default:
		command := client.Command{Name: o.name, Data: json.RawMessage(o.data)}
		if o.expect != nil {
			command.Expect, command.HasExpect = *o.expect, true
		}
		call, err := c.Start(ctx, command)
		if err != nil {
			d.settle(o, 0, err, nil)
			return
		}
		d.open.Add(1)
		d.waiting.Go(func() {
			defer d.open.Add(-1)
			ack, err := call.Wait(ctx)
			d.settle(o, call.ID(), err, func() { d.seat.Acked(o.ref, ack.ID, ack.Revision, ack.Reply) })
		})
	}
}

// settle reports what became of an order.
func (d *goDriver) settle(o order, id uint64, err error, answered func()) {
	if err == nil {
		answered()
		return
	}
	if r, ok := errors.AsType[*client.Rejected](err); ok {
		d.seat.Rejected(o.ref, id, r.Code)
		return
	}
	d.ended(fmt.Errorf("order %d, %s: %w", o.ref, o.name, err))
}

// ended reports an error that only a client that has to go may have.
func (d *goDriver) ended(err error) {
	select {
	case <-d.parted:
	default:
		if !errors.Is(err, context.Canceled) {
			d.seat.Fail("a client goes on until it is closed, and is answered", err.Error())
		}
	}
}

// read reports everything that happens.
func (d *goDriver) read(ctx context.Context, c *client.Client) {
	for u, err := range c.Updates(ctx) {
		if err != nil {
			d.ended(err)
			return
		}
		switch u := u.(type) {
		case client.State:
			d.seat.State(u.Revision, u.Data)
		case client.Event:
			d.seat.Event(u.Name, u.Revision, u.Data, u.At.UnixMilli(), u.By, u.Command)
		}
	}
}

// partTime is how long a client tries to say that it leaves.
const partTime = 2 * time.Second

// part says that the client leaves, if it does.
func (d *goDriver) part(ctx context.Context, c *client.Client) {
	select {
	case leave := <-d.leave:
		if leave {
			ctx, cancel := context.WithTimeout(ctx, partTime)
			defer cancel()
			_ = c.Leave(ctx) // without a link the entity finds out by itself
		}
	default:
	}
}
