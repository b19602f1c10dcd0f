package client

import (
	"context"
	"iter"
	"sync"
)

// Phase is what a client does about its link.
type Phase uint8

// The phases.
const (
	Connecting Phase = iota
	Online           // the entity has accepted the link
	Waiting          // the link is lost, and the next attempt comes after a while
	Closed           // for good
)

// String returns the phase's name in lower case.
func (p Phase) String() string {
	return [...]string{"connecting", "online", "waiting", "closed"}[p]
}

// Status is how a client's connection is.
type Status struct {
	Phase      Phase
	Transport  Transport // Online: that of the link; Connecting: that is tried
	Recovering bool      // Online, but the entity cannot answer just now
	Err        error     // Waiting, Closed: why the last link ended; nil after Close
}

// statusBoard holds the present status and tells who wants to know when it changes.
type statusBoard struct {
	mu      sync.Mutex
	now     Status
	changed chan struct{} // closed at the next change
}

func (b *statusBoard) set(s Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = s
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *statusBoard) read() (Status, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now, b.changed
}

// Status returns how the connection is just now.
func (c *Client) Status() Status {
	s, _ := c.status.read()
	return s
}

// Statuses yields the present status and then each later one, until it has yielded Closed or ctx is
// done. One that lasts shorter than the loop's body may be left out. Any number of loops may run.
func (c *Client) Statuses(ctx context.Context) iter.Seq[Status] {
	return func(yield func(Status) bool) {
		for {
			s, changed := c.status.read()
			if !yield(s) || s.Phase == Closed {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}
}
