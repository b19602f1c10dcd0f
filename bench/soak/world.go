package soak

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// world is what all parts of a run share.
type world struct {
	config   *Config
	began    time.Time
	failures *Failures
	counts   counts
	gate     gate
	numbers  atomic.Uint32 // of connections
	clients  sync.WaitGroup
	stopping chan struct{} // closed when no more is sent, and nobody comes or goes any more
	pauses   pauses
	refusals refusals
	pid      atomic.Int64 // of the node
	doing    atomic.Pointer[string]
	relays   []string // URLs through which the node can be reached as well
}

// now says what the run does.
func (w *world) now(doing string) { w.doing.Store(&doing) }

// counts is what has happened so far.
type counts struct {
	acked, refused, unknown, resent, held        atomic.Int64
	asked, answered                              atomic.Int64
	links, welcomes, resumed, anew, conflated    atomic.Int64
	dropped, replaced, ended, slow               atomic.Int64
	joined, left                                 atomic.Int64
	events, states, messages, presences, signals atomic.Int64
	streams, polls, posts, nameless              atomic.Int64
	called                                       [3]atomic.Int64 // by outcome
	calledAgain, calledTwice, views, tickets     atomic.Int64
}

// refusals counts rejections by their code.
type refusals struct {
	mu     sync.Mutex
	byCode map[string]int64
}

func (r *refusals) add(code string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byCode == nil {
		r.byCode = make(map[string]int64)
	}
	r.byCode[code]++
}

func (w *world) fail(p *place, revision uint64, broken, told string) {
	w.failures.add(Failure{Entity: p.name(), Revision: revision, Broken: broken, Told: told})
}

// random returns a source of choices that depends on the seed and the number alone.
func (w *world) random(number uint64) *rand.Rand { return rand.New(rand.NewPCG(w.config.Seed, number)) }

// gate is open while the node serves.
type gate struct {
	mu         sync.Mutex
	generation int64
	opened     chan struct{} // closed while open; nil at first
}

// shut makes those who come wait.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.opened = make(chan struct{})
}

// open lets them on.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.generation++
	if g.opened == nil {
		g.opened = make(chan struct{})
	}
	close(g.opened)
}

// state returns the number of the node that serves, or served last, and what is closed while it serves.
func (g *gate) state() (int64, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.generation, g.opened
}

// pauses measures how long nobody was served.
type pauses struct {
	mu         sync.Mutex
	since      time.Time // zero: nothing is measured
	generation int64     // whose acknowledgement ends the pause
	took       []time.Duration
	last       atomic.Int64 // when the last acknowledgement came, Unix ns
}

// begin says when the node was killed, and which one will serve next.
func (p *pauses) begin(killed time.Time, generation int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.since, p.generation = killed, generation
}

// acked is called for each acknowledgement.
func (p *pauses) acked(generation int64) {
	now := time.Now()
	p.last.Store(now.UnixNano())
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since.IsZero() || generation < p.generation {
		return
	}
	p.took = append(p.took, now.Sub(p.since))
	p.since = time.Time{}
}

func (p *pauses) all() []time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]time.Duration(nil), p.took...)
}
