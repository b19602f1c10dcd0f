package state

import "time"

// Two clocks tell a node the time. The time of day is what is stored, what handlers see and what timers are due
// by; it may be set, forward or back. How long something has lasted, or is to last, is measured by the time that has
// passed since the node was made, which nobody sets.

// wall returns the time of day at a moment that is now.
func (n *Node) wall(moment time.Time) time.Time {
	if n.cfg.Clock == nil {
		return moment
	}
	return n.cfg.Clock().Round(0) // its wall time alone
}

// today returns the time of day now, in Unix ms.
func (n *Node) today() int64 { return n.wall(time.Now()).UnixMilli() }

// passed returns the time since the node was made, in ns and never 0.
func (n *Node) passed() int64 { return max(int64(time.Since(n.began)), 1) }

// clockStep is by how much the time of day must leave the time passed for timers to be looked at again.
const clockStep = 50 * time.Millisecond

// clockSet returns by how much the clock was set since it was noticed last, 0 when it was not. It belongs to the
// goroutine that tends the node.
func (n *Node) clockSet() time.Duration {
	ahead := n.wall(time.Now()).UnixNano() - n.passed()
	step := time.Duration(ahead - n.ahead)
	if step.Abs() < clockStep {
		return 0
	}
	n.ahead = ahead
	return step
}
