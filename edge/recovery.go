package edge

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

const (
	// recoveryBeat is how often links without an owner are looked at.
	recoveryBeat = 50 * time.Millisecond
	// recoveringAfter is how long a link has been without an owner when its client is told.
	recoveringAfter = time.Second
	// attachAgain is how long a link that was attached anew waits for its welcome before it is tried once more.
	attachAgain = 5 * time.Second
	// A link at an address without an owner sees whether there is one after firstProbe, then at lengthening intervals of lastProbe at most.
	firstProbe = 50 * time.Millisecond
	lastProbe  = time.Second
)

// recovery attaches links anew whose owner has gone: when the bus tells of another one, and now and then to see whether
// the same is there still. It holds the links from then on until they have been welcomed.
type recovery struct {
	edge   *Edge
	router bus.Router
	woken  chan struct{}

	mu     sync.Mutex
	owners map[bus.Address]bool          // that have come and whose links have not been looked for
	coming map[bus.Address]chan struct{} // closed when an owner has come
	away   map[bus.Address]*absence
	gaps   map[*hub]int64 // until when they may last, ns since the edge was made
	mends  []*hub         // that have one, new

	departed departed
}

// absence is the links at an address that have no owner, or have not been welcomed by it.
type absence struct {
	links map[*link]struct{}
	came  int64         // when an owner came, ns since the edge was made; 0: none has
	back  bool          // an owner has welcomed one of them
	probe int64         // when one of them is attached to see whether there is an owner
	pause time.Duration // until the one after
}

func newRecovery(e *Edge, r bus.Router) *recovery {
	return &recovery{
		edge: e, router: r, woken: make(chan struct{}, 1), owners: make(map[bus.Address]bool),
		coming: make(map[bus.Address]chan struct{}), away: make(map[bus.Address]*absence), gaps: make(map[*hub]int64),
	}
}

// run attaches links anew until ctx is done.
func (r *recovery) run(ctx context.Context) {
	stop := r.router.Owners(r.moved)
	defer stop()
	beat := time.NewTimer(time.Hour)
	defer beat.Stop()
	beats := false
	look := time.NewTicker(overdueBeat)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.woken:
		case <-beat.C:
			beats = false
			r.tend()
		case <-look.C:
			r.attachAll(r.overdue())
			r.departAgain(nil)
		}
		if owners := r.takeOwners(); len(owners) > 0 {
			r.follow(owners)
		}
		r.mendGaps()
		if !beats && r.waits() {
			beat.Reset(recoveryBeat)
			beats = true
		}
	}
}

func (r *recovery) wake() {
	select {
	case r.woken <- struct{}{}:
	default: // it has been woken already
	}
}

// moved notes that an owner has come to an address.
func (r *recovery) moved(at bus.Address) {
	r.mu.Lock()
	r.owners[at] = true
	if a := r.away[at]; a != nil {
		a.came = r.edge.now()
	}
	r.mu.Unlock()
	r.wake()
}

// come tells those who wait for owners that they have come.
func (r *recovery) come(owners map[bus.Address]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for at := range owners {
		if c := r.coming[at]; c != nil {
			close(c)
			delete(r.coming, at)
		}
	}
}

// next returns what is closed when an owner comes to the address. Where nobody tells, it never is.
func (r *recovery) next(at bus.Address) <-chan struct{} {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.coming[at] == nil {
		r.coming[at] = make(chan struct{})
	}
	return r.coming[at]
}

func (r *recovery) takeOwners() map[bus.Address]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	owners := r.owners
	if len(owners) > 0 {
		r.owners = make(map[bus.Address]bool)
	}
	return owners
}

func (r *recovery) waits() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.away)+len(r.gaps) > 0
}

// follow attaches the links of owners that have come, those first that wait for something.
func (r *recovery) follow(owners map[bus.Address]bool) {
	if f := r.edge.follower; f != nil && owners[f.owner] {
		f.follow()
	}
	known, others := r.edge.linksOf(owners)
	var waiting, idle []*link
	for _, l := range known {
		if l.waitsForAnswer() {
			waiting = append(waiting, l)
		} else {
			idle = append(idle, l)
		}
	}
	r.attachAll(waiting)
	r.attachAll(idle)
	r.attachAll(others) // which would else be sent what comes after an event that the edge has missed
	r.come(owners)      // now that streams get what answers a post
	r.departAgain(owners)
}

// linksOf returns the links of entities whose owners are at the addresses: those that have been welcomed, and the others.
func (e *Edge) linksOf(owners map[bus.Address]bool) (known, others []*link) {
	for i := range e.hubs {
		t := &e.hubs[i]
		t.mu.RLock()
		for _, h := range t.hubs {
			if !owners[h.owner] {
				continue
			}
			h.mu.Lock()
			for _, l := range h.links {
				if l.welcomed {
					known = append(known, l)
				} else {
					others = append(others, l)
				}
			}
			h.mu.Unlock()
		}
		t.mu.RUnlock()
	}
	return known, others
}

func (l *link) waitsForAnswer() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.unanswered) > 0
}

// attachAll attaches links, on as many goroutines as there are workers.
func (r *recovery) attachAll(links []*link) {
	var group sync.WaitGroup
	n := len(r.edge.workers)
	share := max((len(links)+n-1)/n, stint)
	for len(links) > 0 {
		some := links[:min(share, len(links))]
		links = links[len(some):]
		group.Go(func() {
			for _, l := range some {
				l.reattach()
			}
		})
	}
	group.Wait()
}

// add notes that the link has no owner.
func (r *recovery) add(l *link) {
	r.mu.Lock()
	r.enter(l)
	l.tenure.attached = 0
	r.mu.Unlock()
	r.wake()
}

// attaches notes that the link is attached anew, and waits for its welcome.
func (r *recovery) attaches(l *link) {
	r.mu.Lock()
	r.enter(l)
	l.tenure.attached = max(r.edge.now(), 1)
	r.mu.Unlock()
	r.wake()
}

// enter has the link be in the absence at its address, if it is not, as one without an owner. mu is held.
func (r *recovery) enter(l *link) {
	a := r.away[l.hub.owner]
	now := r.edge.now()
	if a == nil {
		a = &absence{links: make(map[*link]struct{}), probe: now + int64(firstProbe), pause: firstProbe}
		r.away[l.hub.owner] = a
	}
	if _, ok := a.links[l]; !ok {
		a.links[l] = struct{}{}
		t := l.tenure
		t.since, t.attached, t.told = now, 0, false
	}
}

// back notes that the link has an owner, and reports whether its client was told that it had none. A link that has been lost since it
// was attached is attached once more all the same: the owner does not have what was sent behind that.
func (r *recovery) back(l *link) (told bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.away[l.hub.owner]
	if a == nil {
		return false
	}
	a.back = true
	if _, ok := a.links[l]; !ok || l.away.Load() {
		return false
	}
	r.remove(a, l)
	return l.tenure.told
}

// forget drops the link, which has ended.
func (r *recovery) forget(l *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.away[l.hub.owner]; a != nil {
		r.remove(a, l)
	}
}

// remove takes the link out of a. mu is held.
func (r *recovery) remove(a *absence, l *link) {
	delete(a.links, l)
	if len(a.links) == 0 {
		delete(r.away, l.hub.owner)
	}
}

// tend does what is due for the links that have no owner.
func (r *recovery) tend() {
	r.lateGaps(r.edge.now())
	ends, tells, attaches := r.due(r.edge.now())
	for _, l := range tells {
		l.hub.mu.Lock()
		l.hub.status(l, wire.StatusRecovering)
		l.hub.mu.Unlock()
	}
	for _, l := range ends {
		l.hub.mu.Lock()
		l.end(ending{code: wire.EndUnavailable, message: "the entity's owner is gone", reconnect: true, spread: r.edge.timing.Spread})
		l.hub.forsake(l)
		l.hub.mu.Unlock()
	}
	r.attachAll(attaches)
	for _, l := range r.unreachable() {
		l.refuseUntaken()
	}
}

// reaches reports whether an owner may come to the address that this node hears of.
func (r *recovery) reaches(at bus.Address) bool { return r == nil || r.router.Reaches(at) }

// unreachable returns the links whose owner cannot come.
func (r *recovery) unreachable() (links []*link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for at, a := range r.away {
		if !r.reaches(at) {
			links = slices.AppendSeq(links, maps.Keys(a.links))
		}
	}
	return links
}

// due returns the links that end, those whose clients are told, and those that are attached.
func (r *recovery) due(now int64) (ends, tells, attaches []*link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.away {
		probe := now >= a.probe
		for l := range a.links {
			t := l.tenure
			if t.attached != 0 && now-t.attached > int64(attachAgain) {
				t.attached = 0
				l.away.Store(true)
			}
			switch {
			case l.ending.Load() || l.state.Load() == stateDead:
				r.remove(a, l)
				continue
			case t.attached == 0 && now-max(t.since, a.came) > int64(r.edge.timing.Owner), now-t.since > int64(r.edge.timing.Welcome):
				r.remove(a, l)
				ends = append(ends, l)
				continue
			case !t.told && now-t.since > int64(recoveringAfter):
				t.told = true
				tells = append(tells, l)
			}
			if t.attached == 0 && (a.back || probe) {
				attaches = append(attaches, l)
				probe = false
			}
		}
		if a.back = false; now >= a.probe {
			a.pause = min(2*a.pause, lastProbe)
			a.probe = now + int64(a.pause)
		}
	}
	return ends, tells, attaches
}
