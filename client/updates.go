package client

import (
	"context"
	"encoding/json"
	"iter"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// Update is one thing that happened at the entity: a State, Event, Message, Presence or Serving.
type Update interface{ size() int }

// State is everything that this client may see of the entity, as of an event. It replaces whatever
// was known before.
type State struct {
	Revision uint64
	Data     json.RawMessage
}

// Event is one durable change. Events follow each other without gaps.
type Event struct {
	Revision uint64
	Name     string
	Data     json.RawMessage
	At       time.Time
	By       string // the member whose command caused it; empty for timers and other entities
	Command  uint64 // the id of that command, as its Ack has it
}

// Message is ephemeral: it is neither stored nor repeated.
type Message struct {
	Name string
	Data json.RawMessage
	By   string // empty where the entity itself sent it
}

// Presence says who came, left and changed. A Whole one lists who is here, 200 at most, and
// replaces what was known before: the first over each link, and the first after each State.
type Presence struct {
	wire.PresenceChange
	Whole bool
}

// Serving says whether the entity can answer just now. Commands sent meanwhile wait.
type Serving struct{ Now bool }

const updateOverhead = 96 // what an update costs beyond its data

func (s State) size() int   { return updateOverhead + len(s.Data) }
func (e Event) size() int   { return updateOverhead + len(e.Data) }
func (m Message) size() int { return updateOverhead + len(m.Data) }
func (Serving) size() int   { return updateOverhead }
func (p Presence) size() int {
	return updateOverhead * (1 + len(p.Joined) + len(p.Left) + len(p.Updated))
}

// Updates yields what happens at the entity, in order: a State first (unless the client resumed
// from Config.Cursor), then events without gaps, and whatever else comes between them. A State may
// come again at any time, when following the events would have been too much.
//
// The loop may be left and begun again, and goes on with the next update. Each update goes to one
// loop only. When the client was closed it ends; when ctx is done or the server does not let the
// client come back, it ends with that error.
//
// A program that does not read loses no promise: beyond Config.Unread the unread updates are
// dropped, commands and queries go on, and when the program reads again the client connects anew to
// give it a fresh State, from which the events follow.
func (c *Client) Updates(ctx context.Context) iter.Seq2[Update, error] {
	return func(yield func(Update, error) bool) {
		for {
			u, err := c.next(ctx)
			if u == nil && err == nil {
				return
			}
			if !yield(u, err) || err != nil {
				return
			}
		}
	}
}

// next waits for the next update. It returns neither update nor error after Close.
func (c *Client) next(ctx context.Context) (Update, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		u, refresh, ended, err := c.updates.take()
		switch {
		case u != nil:
			return u, nil
		case ended:
			return nil, err
		case refresh:
			c.dropLink(errFresh)
		}
		select {
		case <-c.updates.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// updateQueue holds the updates that nobody has read yet.
type updateQueue struct {
	most, mostBytes int
	wake            chan struct{} // holds one token while there may be something to take
	sendOnly        bool

	mu     sync.Mutex
	queue  []Update
	head   int // of queue
	bytes  int
	cursor wire.Cursor // of the last event or state that was taken
	epoch  string      // of the queue's last State
	// lagging: updates were dropped, and none is queued until a State comes. asked: the reader has
	// come back since, and so the State is wanted.
	lagging, asked bool
	ended          bool
	err            error
}

func newUpdateQueue(c *Config) *updateQueue {
	return &updateQueue{most: c.Unread, mostBytes: c.UnreadBytes, sendOnly: c.SendOnly, cursor: c.Cursor, wake: make(chan struct{}, 1)}
}

// push queues u, or drops it and everything that is queued when that would be too much.
func (q *updateQueue) push(u Update) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, fresh := u.(State); fresh && q.asked {
		q.lagging, q.asked = false, false
	}
	if q.lagging || q.ended {
		return
	}
	unread := len(q.queue) - q.head
	if unread > 0 && (unread >= q.most || q.bytes+u.size() > q.mostBytes) {
		q.clear()
		q.lagging = !q.sendOnly // who gets no events misses none
		q.signal()
		return
	}
	if q.head > len(q.queue)/2 && len(q.queue) == cap(q.queue) { // reuse the room at the front
		n := copy(q.queue, q.queue[q.head:])
		clear(q.queue[n:])
		q.queue, q.head = q.queue[:n], 0
	}
	q.queue = append(q.queue, u)
	q.bytes += u.size()
	q.signal()
}

func (q *updateQueue) clear() { q.queue, q.head, q.bytes = nil, 0, 0 }

func (q *updateQueue) signal() {
	select {
	case q.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// take returns the next update, if there is one. refresh says, once, that a State has to be got.
func (q *updateQueue) take() (u Update, refresh, ended bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.head < len(q.queue) {
		u = q.queue[q.head]
		q.queue[q.head] = nil
		q.head++
		q.bytes -= u.size()
		switch u := u.(type) {
		case State:
			q.cursor = wire.Cursor{Epoch: q.epoch, Revision: u.Revision}
		case Event:
			q.cursor.Revision = u.Revision
		}
		if q.head < len(q.queue) {
			q.signal() // for another loop
		}
		return u, false, false, nil
	}
	if q.ended {
		q.signal() // for the next who asks
		return nil, false, true, q.err
	}
	refresh = q.lagging && !q.asked
	q.asked = q.lagging
	return nil, refresh, false, nil
}

// setEpoch says which stream the states and events to come belong to. A resumed stream goes on in
// the one it was.
func (q *updateQueue) setEpoch(epoch string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.epoch = epoch
}

// wantsState reports whether a link has to begin with a State.
func (q *updateQueue) wantsState() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.asked
}

// end says that no update follows.
func (q *updateQueue) end(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended, q.err = true, err
	q.signal()
}

// Cursor returns the last event that Updates has yielded: what to give to Config.Cursor to go on
// from there later.
func (c *Client) Cursor() wire.Cursor {
	c.updates.mu.Lock()
	defer c.updates.mu.Unlock()
	return c.updates.cursor
}
