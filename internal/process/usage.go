package process

import (
	"errors"
	"time"
)

// ErrNoUsage means that this system does not tell what a process uses.
var ErrNoUsage = errors.New("process: usage is not known on this system")

// Usage is what a process has used so far.
type Usage struct {
	CPU     time.Duration // user and system time
	RSS     int64         // resident memory now, in bytes
	PeakRSS int64
	// Waited is how long threads that could have run had to wait for a core, of all together.
	Waited time.Duration
}

// Usage returns what the node has used so far, or ErrNoUsage.
func (n *Node) Usage() (Usage, error) { return UsageOf(n.PID()) }
