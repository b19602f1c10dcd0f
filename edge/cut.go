package edge

import "sync"

// cut ends requests that still wait for an entity when the edge, which stops, has no more time.
type cut struct {
	mu   sync.Mutex
	last uint64
	ends map[uint64]func()
	over bool
}

// add has end called then, unless forget is called before.
func (c *cut) add(end func()) (forget func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		end()
		return func() {}
	}
	if c.ends == nil {
		c.ends = make(map[uint64]func())
	}
	c.last++
	number := c.last
	c.ends[number] = end
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.ends, number)
	}
}

// all ends them. What ends a request does not come back here before it returns.
func (c *cut) all() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	for _, end := range c.ends {
		end()
	}
}
