package client

import (
	"slices"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// toldAnswer is what a POST has said of a call before the stream did: it counts once the client has seen what it depends on.
type toldAnswer struct {
	frame wire.ServerFrame
	first time.Time // when it was told
	asked time.Time // when it was told, or asked for again, last
	tries int       // how often it was asked for again
}

// An answer that the stream does not bring is asked for again after askPause, which doubles up to longestPause: the
// stream has been led to another edge, and the answer went to the one before.
const (
	askPause     = 250 * time.Millisecond
	longestPause = 2 * time.Second
)

// mostBehind is of how many commands ago an outcome is asked for again: the platform keeps some more.
const mostBehind = 128

// told takes an acknowledgement or answer that a POST has brought. It returns true while the stream has to bring what comes
// before it.
func (c *Client) told(f *wire.ServerFrame) bool {
	now := time.Now()
	c.mu.Lock()
	p, ok := c.calls[f.ID]
	if !ok {
		c.mu.Unlock()
		return false
	}
	if p.told == nil {
		p.again = true // whatever is said of another sending
		p.told = &toldAnswer{frame: *f, first: now}
		p.told.frame.Data = slices.Clone(f.Data)
		c.unheard.Add(1)
	}
	p.told.asked = now
	c.mu.Unlock()
	c.heard()
	return c.unheard.Load() > 0
}

// saw takes note that everything up to a revision has been handed over.
func (c *Client) saw(revision uint64) {
	c.seen.Store(revision)
	if c.unheard.Load() > 0 {
		c.heard()
	}
}

// heard settles the calls whose answers depend on nothing that is still to come. Whoever changes what the client has seen, or been told,
// calls it afterwards.
func (c *Client) heard() {
	var ready []*Call
	c.mu.Lock()
	seen := c.seen.Load()
	for _, p := range c.calls {
		if p.told != nil && p.told.frame.Revision <= seen {
			c.remove(p)
			ready = append(ready, p)
		}
	}
	c.mu.Unlock()
	for _, p := range ready {
		p.answer(&p.told.frame)
	}
}

// remove takes p out of those without an answer. c.mu is held.
func (c *Client) remove(p *Call) {
	delete(c.calls, p.frame.ID)
	if p.told != nil {
		c.unheard.Add(-1)
	}
}

// askAgain sends what POSTs have answered and the stream has not, where it has waited long enough. It returns whether there is any,
// and for how long the first has waited.
func (c *Client) askAgain(l *link) (left bool, longest time.Duration) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	var again []*Call
	for _, p := range c.calls {
		if p.told == nil {
			continue
		}
		left, longest = true, max(longest, now.Sub(p.told.first))
		if c.link == l && now.Sub(p.told.asked) >= min(askPause<<min(p.told.tries, 8), longestPause) && p.repeatable(c.nextID) {
			again = append(again, p)
		}
	}
	for _, p := range again {
		p.told.asked = now
		p.told.tries++
	}
	c.queueAgain(l, again)
	return left, longest
}

// queueAgain has calls sent once more over the link that they were sent over. c.mu is held.
func (c *Client) queueAgain(l *link, calls []*Call) {
	slices.SortFunc(calls, byID)
	for _, p := range calls {
		if p.frame.Type == wire.TypeQuery {
			c.renumber(p)
		}
		l.queue(outgoing{call: p})
	}
}

// again notes that the call is sent over another link.
func (t *toldAnswer) again() {
	if t != nil {
		t.first = time.Now()
		t.asked, t.tries = t.first, 0
	}
}

// untold forgets what POSTs have said: the entity is another one since. Where that has come to be on the link l, which goes on, it is asked
// once more.
func (c *Client) untold(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*Call
	for _, p := range c.calls {
		if p.told != nil {
			p.told = nil
			c.unheard.Add(-1)
			all = append(all, p)
		}
	}
	if c.link == l {
		c.queueAgain(l, all)
	}
}

// repeatable reports whether the platform surely knows what became of p.
func (p *Call) repeatable(next uint64) bool {
	return p.frame.Type == wire.TypeQuery || next-p.frame.ID <= mostBehind
}

// renumber gives a query a new id, since the platform does not store the old one. c.mu is held.
func (c *Client) renumber(p *Call) {
	delete(c.calls, p.frame.ID)
	p.frame.ID = c.nextID
	c.nextID++
	c.calls[p.frame.ID] = p
}
