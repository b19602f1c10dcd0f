package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// Client is one connection to one entity. It is safe for concurrent use.
type Client struct {
	config  Config
	entity  *url.URL
	updates *updateQueue
	status  statusBoard
	slots   chan struct{} // one token for each unanswered command or query
	ended   chan struct{} // closed when no link follows
	stop    context.CancelFunc
	made    time.Time
	leaving atomic.Bool    // no link follows the present one
	running sync.WaitGroup // the goroutine of run
	opened  chan struct{}  // closed by the first welcome

	mu         sync.Mutex
	link       *link            // the present one, once it was welcomed
	calls      map[uint64]*Call // unanswered, by id
	nextID     uint64
	pings      map[uint64]ping
	clock      edgeClock
	measured   wire.ClientFrame // what the next ping reports: its Up and Down
	nextPing   uint64
	transports []Transport // set by SetTransports, until they are taken; nil: nobody did
	presence   []byte      // what others shall see, nil: nothing
	token      string      // set by SetToken
	member     string
	err        error // why no link follows; set before ended is closed

	seen    atomic.Uint64 // up to which revision everything was handed over
	unheard atomic.Int64  // how many calls POSTs have answered, and the stream has not

	// What the goroutine of run knows.
	epoch   string
	last    uint64    // revision of the last event or state
	attempt int64     // of the link that was tried last
	gaveUp  time.Time // when a link last ended without a word of the server
	contest time.Time // when a link last ended since another poll of the connection had come
	denied  int       // how often in a row the token was refused
}

// Open connects to the entity at that URL and returns when it has accepted the connection. Until
// then it tries again for as long as ctx allows; a *Refused or *Terminated says that it would be in
// vain. ctx bounds the opening alone.
//
// The client runs one goroutine, and a few more while it has a link. Close ends them and waits.
func Open(ctx context.Context, entity string, config Config) (*Client, error) {
	first := firstID(config)
	config, err := config.withDefaults()
	u, urlErr := parseURL(entity)
	if err = errors.Join(err, urlErr); err != nil {
		return nil, fmt.Errorf("open client: %w", err)
	}
	c := &Client{
		config:  config,
		entity:  u,
		updates: newUpdateQueue(&config),
		status:  statusBoard{changed: make(chan struct{})},
		slots:   make(chan struct{}, config.InFlight),
		made:    time.Now(),
		ended:   make(chan struct{}),
		opened:  make(chan struct{}),
		calls:   make(map[uint64]*Call),
		nextID:  first,
		pings:   make(map[uint64]ping),
		epoch:   config.Cursor.Epoch,
		last:    config.Cursor.Revision,
	}
	runCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.seen.Store(c.last)
	c.stop = stop
	c.running.Go(func() { c.run(runCtx) })
	select {
	case <-c.opened:
		return c, nil
	case <-c.ended:
		err = c.err
	case <-ctx.Done():
		err = ctx.Err()
		if last := c.Status().Err; last != nil {
			err = fmt.Errorf("%w: %w", err, last)
		}
	}
	c.shut()
	return nil, fmt.Errorf("open %s: %w", u.Redacted(), err)
}

// firstID returns the id of the first command. A connection whose name the program has kept may have
// used more ids than the welcome says, for commands that were rejected or were still under way when
// the program ended. All of them are below the clock, since nobody sends a million commands a second.
func firstID(c Config) uint64 {
	if c.Conn == "" {
		return 1
	}
	return uint64(max(time.Now().UnixMicro(), 1))
}

// Close closes the link and waits until everything of the client has ended. It does not wait for
// answers: those who do get ErrClosed. For the entity the connection may yet come back; see Leave.
// It may be called more than once, and always returns nil.
func (c *Client) Close() error {
	c.shut()
	return nil
}

func (c *Client) shut() {
	c.stop()
	c.running.Wait()
}

// Leave tells the entity that the connection will not come back, and closes the client. Where there
// is no link to tell it over, the entity finds out by itself.
func (c *Client) Leave(ctx context.Context) error {
	defer c.shut()
	c.leaving.Store(true)
	written := make(chan struct{})
	if err := c.post(wire.ClientFrame{Type: wire.TypeLeave}, written); err != nil {
		return err
	}
	select {
	case <-written:
		return nil
	case <-c.ended: // by the server, which was faster
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Member returns what others see of this connection.
func (c *Client) Member() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.member
}

// Err returns why the client has ended for good: ErrClosed after Close, nil while it goes on.
func (c *Client) Err() error {
	select {
	case <-c.ended:
		return c.err
	default:
		return nil
	}
}

// run makes one link after the other until ctx is done or the server wants no more.
func (c *Client) run(ctx context.Context) {
	log := c.config.Logger
	choice := newChoice(c.config.Transports)
	pace := pace{backoff: c.config.Backoff}
	for {
		choice = c.choose(choice)
		i := choice.next(time.Now())
		c.status.set(Status{Phase: Connecting, Transport: choice.order[i]})
		end := c.serve(ctx, choice.order[i])
		if ctx.Err() != nil || c.leaving.Load() {
			c.finish(ErrClosed)
			return
		}
		err := end.err
		another, refused := choice.ended(i, &end, time.Now())
		if another {
			log.Debug("transport refused", "transport", choice.order[i], "error", err)
			continue
		}
		if refused != nil {
			err = refused
		}
		late := c.replacedByItself(&end, err)
		if c.contested(&end) {
			err = &Terminated{Code: wire.EndReplaced, Message: err.Error()}
		}
		if refused != nil || c.isFinal(err) && !late {
			log.Info("connection ended", "error", err)
			c.finish(err)
			return
		}
		if end.welcomed {
			c.denied = 0
		}
		wait := pace.after(&end, err)
		log.Debug("link ended", "transport", choice.order[i], "error", err, "wait", wait)
		c.status.set(Status{Phase: Waiting, Err: err})
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			c.finish(ErrClosed)
			return
		}
	}
}

// lateFor is how long a request that was given up may be under way.
const lateFor = 30 * time.Second

// replacedByItself takes note of how a link ended, and reports whether it was replaced by a request that this client
// had given up shortly before, and that came late. Whoever else has the connection is not given way to in vain: it is
// said again.
func (c *Client) replacedByItself(end *ended, err error) bool {
	t, told := errors.AsType[*Terminated](err)
	now := time.Now()
	if told && t.Code == wire.EndReplaced && end.welcomed && now.Sub(c.gaveUp) < lateFor {
		c.gaveUp = time.Time{}
		return true
	}
	if !told {
		c.gaveUp = now
	}
	return false
}

// contested takes note of how a link ended, and reports whether somebody else polls under the connection's name. Once it
// may be a request of this client that came late; twice it is another client, which is to have the connection.
func (c *Client) contested(end *ended) bool {
	r, ok := errors.AsType[*Refused](end.err)
	if !ok || r.Status != http.StatusConflict || !end.welcomed {
		return false
	}
	before := c.contest
	c.contest = time.Now()
	return c.contest.Sub(before) < lateFor
}

// isFinal reports whether another attempt would be in vain.
func (c *Client) isFinal(err error) bool {
	var t *Terminated
	if errors.As(err, &t) {
		return !t.Reconnect
	}
	var r *Refused
	if !errors.As(err, &r) {
		return false
	}
	if r.Status == http.StatusUnauthorized && c.config.TokenSource != nil {
		c.denied++ // a fresh token may help
		return c.denied >= mostDenied
	}
	return r.final()
}

// steady is how long a link lives, from its welcome, whose end is no failure.
const steady = 5 * time.Second

// mostDenied is how many tokens of a TokenSource may be refused in a row.
const mostDenied = 3

// finish tells everybody that no link follows.
func (c *Client) finish(err error) {
	c.mu.Lock()
	c.err = err
	calls := c.calls
	c.calls = nil
	close(c.ended)
	c.mu.Unlock()
	for _, p := range calls {
		p.fail(err)
	}
	s := Status{Phase: Closed, Err: err}
	if errors.Is(err, ErrClosed) {
		s.Err, err = nil, nil
	}
	c.updates.end(err)
	c.status.set(s)
}

// dropLink ends the present link, if there is one, for this reason; run makes another.
func (c *Client) dropLink(reason error) {
	c.mu.Lock()
	l := c.link
	c.mu.Unlock()
	if l != nil {
		l.stop(reason)
	}
}
