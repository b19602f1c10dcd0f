package bench

import "sync"

// crew is goroutines that end together: when one fails the others are told.
type crew struct {
	all    sync.WaitGroup
	once   sync.Once
	err    error
	failed chan struct{} // closed when one has failed
}

func newCrew() *crew { return &crew{failed: make(chan struct{})} }

// add runs f, and takes its error for that of the crew when it is the first.
func (c *crew) add(f func() error) {
	c.all.Go(func() {
		if err := f(); err != nil {
			c.once.Do(func() {
				c.err = err
				close(c.failed)
			})
		}
	})
}

// hasFailed reports whether one has failed.
func (c *crew) hasFailed() bool {
	select {
	case <-c.failed:
		return true
	default:
		return false
	}
}

// wait returns the first error once all have ended.
func (c *crew) wait() error {
	c.all.Wait()
	return c.err
}

// each runs f for 0 to n-1, some at a time, and returns the first error. After an error it begins no more.
func each(n, atOnce int, f func(i int) error) error {
	c := newCrew()
	slots := make(chan struct{}, atOnce)
	for i := range n {
		select {
		case slots <- struct{}{}:
		case <-c.failed:
			return c.wait()
		}
		c.add(func() error {
			defer func() { <-slots }()
			return f(i)
		})
	}
	return c.wait()
}
