package bench

import (
	"sync/atomic"
	"time"
)

// phase is where a run stands. Times are since its beginning.
type phase struct {
	base     time.Time
	from, to atomic.Int64 // what is measured
	stop     atomic.Bool  // no more commands
}

func newPhase() *phase {
	p := &phase{base: time.Now()}
	p.from.Store(1<<63 - 1)
	p.to.Store(1<<63 - 1)
	return p
}

func (p *phase) now() int64                      { return int64(time.Since(p.base)) }
func (p *phase) since(t time.Time) int64         { return int64(t.Sub(p.base)) }
func (p *phase) open()                           { p.from.Store(p.now()) }
func (p *phase) shut()                           { p.to.Store(p.now()); p.stop.Store(true) }
func (p *phase) measured(at int64) bool          { return at >= p.from.Load() && at < p.to.Load() }
func (p *phase) after(since int64) time.Duration { return time.Duration(p.now() - since) }

// begin says that a part of a run begins, to whom wants to know.
func begin(told func(name string), part string) {
	if told != nil {
		told(part)
	}
}
