package edge

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/internal/platform"
	"github.com/tutti-rt/tutti/wire"
)

const (
	// followBeat is how often the follower makes sure that the owner still tells it everything.
	followBeat = time.Second
	// followPatience is how long the owner may be silent before the follower begins anew.
	followPatience = 5 * time.Second
	// followRetry is the pause before the follower begins anew.
	followRetry = 100 * time.Millisecond
	// maxAhead bounds the events kept that came before one that is missing; with more the follower begins anew.
	maxAhead = 1000
)

// follower keeps the edge's terminations: a link within the process to the entity that has them all. Now and then it asks for
// the revision, so that it learns of what was lost on the way. It numbers its envelopes like any link, so that an owner that
// has lost one, or is another one, says so then. While it is not in touch with the owner the terminations are not current.
type follower struct {
	edge  *Edge
	lane  string
	owner bus.Address
	conn  string
	woken chan struct{}

	mu       sync.Mutex
	link     uint64 // number of the present attachment; 0: none
	again    int64  // when the next one may begin, ns since the edge was made
	moves    bool   // it was attached, and another owner is to tell it what the one before did
	sent     uint64 // number of its last envelope
	heard    int64  // when the owner told of terminations last, ns since the edge was made
	welcomed bool
	revision uint64           // up to which everything is known
	until    uint64           // up to which there is something to know
	ahead    []*wire.Envelope // events beyond revision, or from before the welcome
	asked    int64            // when it asked for what is missing, ns since the edge was made; 0: it waits for nothing
	beat     uint64           // number of the last query
	changed  bool             // there are terminations that links have not been held against
}

func newFollower(e *Edge) *follower {
	c := own(platform.Revocations)
	return &follower{
		edge: e, lane: c.Lane, conn: rand.Text(), woken: make(chan struct{}, 1),
		owner: bus.Owner(c.Pool, wire.Partition(c.Name, platform.Revocation, e.partitions)),
	}
}

// follows reports whether an envelope is for the follower.
func (f *follower) follows(env *wire.Envelope) bool {
	return f != nil && env.Category == platform.Revocations.Name() && env.ID == platform.Revocation
}

// run follows until ctx is done.
func (f *follower) run(ctx context.Context) {
	beats := time.NewTicker(followBeat)
	defer beats.Stop()
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		beat := false
		select {
		case <-ctx.Done():
			f.send(f.number(&wire.Envelope{Kind: wire.KindDetach, Flags: wire.Leave}))
			return
		case <-f.woken:
		case <-retry.C:
		case <-beats.C:
			beat = true
			f.edge.terminations.prune(f.edge.clock())
		}
		if env := f.next(beat); env != nil && !f.send(env) {
			f.lose()
		}
		if pause := f.pause(); pause > 0 {
			retry.Reset(pause)
		}
		if f.takeChanged() {
			f.edge.endTerminated()
		}
	}
}

// next returns what to send now, nil for nothing.
func (f *follower) next(beat bool) *wire.Envelope {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.edge.now()
	if f.moves && now-f.heard > int64(followPatience) {
		f.forget()
	}
	if f.link != 0 && (now-f.heard > int64(followPatience) || f.asked != 0 && now-f.asked > int64(followPatience)) {
		f.forget()
	}
	switch {
	case f.link == 0 && now < f.again:
	case f.link == 0:
		if f.link, f.sent = f.edge.lastLink.Add(1), 0; !f.moves {
			f.heard = now
		}
		return f.numbered(&wire.Envelope{Kind: wire.KindAttach, Flags: wire.Watch, Claims: platformClaims})
	case f.welcomed && f.revision < f.until && f.asked == 0:
		f.asked = now
		return f.numbered(&wire.Envelope{Kind: wire.KindBacklog, Revision: f.revision, Until: f.until})
	case f.welcomed && beat:
		f.beat++
		return f.numbered(&wire.Envelope{Kind: wire.KindQuery, Command: f.beat, Name: "head", Data: []byte("{}")})
	}
	return nil
}

func (f *follower) number(env *wire.Envelope) *wire.Envelope {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.numbered(env)
}

// numbered addresses an envelope of the present attachment. mu is held.
func (f *follower) numbered(env *wire.Envelope) *wire.Envelope {
	f.sent++
	env.Category, env.ID, env.Conn = platform.Revocations.Name(), platform.Revocation, f.conn
	env.Edge, env.Link, env.Number = f.edge.name, f.link, f.sent
	env.Sent = f.edge.clock().UnixMicro()
	return env
}

func (f *follower) send(env *wire.Envelope) bool {
	return f.edge.bus.Send(f.lane, f.owner, env) == nil
}

// lose gives up the attachment, since its owner has gone. Where another one may come, what is known counts for as long as an owner may
// be silent.
func (f *follower) lose() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leave()
}

// leave does so. mu is held.
func (f *follower) leave() {
	moves := f.edge.recovery != nil && (f.welcomed || f.moves)
	f.detach()
	if f.moves = moves; !moves {
		f.edge.terminations.keepsUp(false)
	}
}

// forget gives up the attachment and what is known. mu is held.
func (f *follower) forget() {
	f.detach()
	f.moves = false
	f.edge.terminations.keepsUp(false)
}

// detach has the follower begin anew after a pause. mu is held.
func (f *follower) detach() {
	f.again = f.edge.now() + int64(followRetry)
	f.link, f.welcomed, f.asked = 0, false, 0
	f.revision, f.until, f.ahead = 0, 0, nil
}

// follow begins anew with an owner that has just come.
func (f *follower) follow() {
	f.mu.Lock()
	f.leave()
	f.again = 0
	f.mu.Unlock()
	f.wake()
}

func (f *follower) wake() {
	select {
	case f.woken <- struct{}{}:
	default: // it has been woken already
	}
}

// pause returns how long it is until the follower begins anew, 0 while it is attached.
func (f *follower) pause() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.link != 0 {
		return 0
	}
	return max(time.Duration(f.again-f.edge.now()), 1)
}

func (f *follower) takeChanged() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	changed := f.changed
	f.changed = false
	return changed
}

// take takes what the owner says. It sends nothing: it may be called on the goroutine of somebody who sends.
func (f *follower) take(env *wire.Envelope) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.link == 0 || env.Link != 0 && env.Link != f.link {
		return
	}
	switch env.Kind {
	case wire.KindWelcome, wire.KindEvent, wire.KindBacklogPart, wire.KindAnswer:
		f.heard = f.edge.now() // whatever else it says does not tell what stands
	}
	if err := f.handle(env); err != nil {
		f.edge.log.Error("terminations cannot be read", "error", err)
		f.forget()
	}
	f.wake()
}

// handle does so. mu is held.
func (f *follower) handle(env *wire.Envelope) error {
	switch env.Kind {
	case wire.KindWelcome:
		var list platform.List
		if err := json.Unmarshal(env.Data, &list); err != nil {
			return fmt.Errorf("decode the list at revision %d: %w", env.Revision, err)
		}
		f.edge.terminations.replace(list.Terminations)
		f.welcomed, f.moves, f.changed, f.revision = true, false, true, env.Revision
		f.until = max(f.until, env.Until, env.Revision)
		return f.catchUp()
	case wire.KindEvent:
		f.until = max(f.until, env.Revision)
		if f.ahead = append(f.ahead, env); len(f.ahead) > maxAhead {
			f.forget()
			return nil
		}
		return f.catchUp()
	case wire.KindBacklogPart:
		if env.Has(wire.TooFar) {
			f.forget()
			return nil
		}
		for event, err := range wire.DecodeBacklog(env.Data) {
			if err != nil {
				return err
			}
			if err := f.apply(event); err != nil {
				return err
			}
		}
		if !env.Has(wire.More) {
			f.revision, f.asked = max(f.revision, env.Revision), 0
		}
		return f.catchUp()
	case wire.KindAnswer:
		f.until = max(f.until, env.Revision)
		return f.catchUp()
	case wire.KindTerminate:
		f.leave()
	}
	return nil
}

// catchUp applies the events that follow what is known, and says whether that is everything. mu is held.
func (f *follower) catchUp() error {
	if !f.welcomed {
		return nil
	}
	kept := f.ahead[:0]
	for _, env := range f.ahead {
		if env.Revision > f.revision+1 {
			kept = append(kept, env)
		} else if err := f.apply(env); err != nil {
			return err
		}
	}
	f.ahead = kept
	f.edge.terminations.keepsUp(f.revision >= f.until)
	return nil
}

// apply applies an event that is the next one, or known. mu is held.
func (f *follower) apply(env *wire.Envelope) error {
	if env.Revision <= f.revision {
		return nil
	}
	var one platform.Terminated
	if err := json.Unmarshal(env.Data, &one); err != nil {
		return fmt.Errorf("decode event %d: %w", env.Revision, err)
	}
	f.edge.terminations.add(one.Termination)
	f.revision, f.changed = env.Revision, true
	return nil
}
