package listener

import (
	"slices"
	"sync"
)

// Crowd is who listens to what, many to the same. The zero value is ready for use, by several goroutines.
type Crowd[Key comparable] struct {
	mu  sync.Mutex
	all map[Key][]*Listener // a list is never changed, only replaced
}

// At returns who listens to k. The caller does not change the list.
func (c *Crowd[Key]) At(k Key) []*Listener {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all[k]
}

// Join has l listen to k.
func (c *Crowd[Key]) Join(k Key, l *Listener) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = make(map[Key][]*Listener)
	}
	c.all[k] = append(slices.Clone(c.all[k]), l)
}

// Leave has l listen to k no more, and stops it.
func (c *Crowd[Key]) Leave(k Key, l *Listener) {
	c.mu.Lock()
	left := slices.DeleteFunc(slices.Clone(c.all[k]), func(o *Listener) bool { return o == l })
	if len(left) == 0 {
		delete(c.all, k)
	} else {
		c.all[k] = left
	}
	c.mu.Unlock()
	l.Stop()
}

// Clear forgets all. Nobody is stopped.
func (c *Crowd[Key]) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.all)
}
