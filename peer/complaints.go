package peer

import (
	"log/slog"
	"sync"
	"time"
)

const (
	complaintEvery = time.Minute
	maxComplaints  = 256 // that are remembered; when more come, all but the newest are forgotten
)

// complaints sees to it that the log says the same only once a minute.
type complaints struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// due says whether it is time to say this about that, and takes note.
func (c *complaints) due(about string) bool {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if last, ok := c.last[about]; ok && now.Sub(last) < complaintEvery {
		return false
	}
	if c.last == nil || len(c.last) >= maxComplaints {
		c.last = make(map[string]time.Time)
	}
	c.last[about] = now
	return true
}

// report logs, at most once a minute for each node or host, why there is no connection.
func (m *Mesh) report(who slog.Attr, address, message string, err error) {
	if m.complain.due(message + who.String()) {
		m.log.Warn(message, who, "address", address, "error", err)
	}
}
