package edge

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/internal/platform"
	"github.com/tutti-rt/tutti/wire"
)

// terminations are those that stand, as far as the edge has been told. A link is entered among the edge's links before it
// is looked up here, and a termination here before the links are looked at, so that none falls between the two.
type terminations struct {
	mu       sync.RWMutex
	standing map[platform.Key]platform.Termination
	entities map[hubKey]int // how many there are of members of an entity
	current  chan struct{}  // closed while the edge is told of every one
	told     bool           // current is closed
	news     chan struct{}  // closed when something is added
}

func newTerminations() *terminations {
	return &terminations{
		standing: make(map[platform.Key]platform.Termination), entities: make(map[hubKey]int),
		current: make(chan struct{}), news: make(chan struct{}),
	}
}

// replace has the list for all that stands.
func (t *terminations) replace(list []platform.Termination) {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.standing)
	clear(t.entities)
	for _, one := range list {
		t.put(one)
	}
	t.tell()
}

func (t *terminations) add(one platform.Termination) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.put(one)
	t.tell()
}

// tell wakes those who wait for news. mu is held.
func (t *terminations) tell() {
	close(t.news)
	t.news = make(chan struct{})
}

// next returns what is closed when something is added.
func (t *terminations) next() <-chan struct{} {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.news
}

// put notes a termination. mu is held.
func (t *terminations) put(one platform.Termination) {
	k := one.Key()
	if _, have := t.standing[k]; !have && k.Member != "" {
		t.entities[hubKey{k.Category, k.ID}]++
	}
	t.standing[k] = one
}

// prune forgets what is over.
func (t *terminations) prune(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, one := range t.standing {
		if !one.Over(now) {
			continue
		}
		delete(t.standing, k)
		if at := (hubKey{k.Category, k.ID}); k.Member != "" {
			if t.entities[at]--; t.entities[at] == 0 {
				delete(t.entities, at)
			}
		}
	}
}

// keepsUp says whether the edge is told of every termination from now on.
func (t *terminations) keepsUp(does bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case does && !t.told:
		close(t.current)
	case !does && t.told:
		t.current = make(chan struct{})
	}
	t.told = does
}

// await waits until the list is current, for at most d.
func (t *terminations) await(ctx context.Context, d time.Duration) bool {
	t.mu.RLock()
	current := t.current
	t.mu.RUnlock()
	select {
	case <-current:
		return true
	default:
	}
	limit := time.NewTimer(d)
	defer limit.Stop()
	select {
	case <-current:
		return true
	case <-ctx.Done():
	case <-limit.C:
	}
	return false
}

// bearer is whom a termination may be about.
type bearer struct {
	sub      string
	issued   time.Time // its token; zero: not known
	category string
	id, conn string
}

// of returns the termination that refuses a bearer.
func (t *terminations) of(b *bearer, now time.Time, member func(category, id, conn string) string) (platform.Termination, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if len(t.standing) == 0 {
		return platform.Termination{}, false
	}
	one, ok := t.standing[platform.Key{Sub: b.sub}]
	if ok && one.Refuses(b.issued) && !one.Over(now) {
		return one, true
	}
	if b.conn == "" || t.entities[hubKey{b.category, b.id}] == 0 {
		return platform.Termination{}, false
	}
	one, ok = t.standing[platform.Key{Category: b.category, ID: b.id, Member: member(b.category, b.id, b.conn)}]
	return one, ok && one.Refuses(b.issued) && !one.Over(now)
}

// list returns those that stand, the newest first.
func (t *terminations) list(now time.Time) []platform.Termination {
	t.mu.RLock()
	defer t.mu.RUnlock()
	all := make([]platform.Termination, 0, len(t.standing))
	for _, one := range t.standing {
		if !one.Over(now) {
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b platform.Termination) int { return b.At.Compare(a.At) })
	return all
}

// terminateWait is how long an operator waits for an answer.
const terminateWait = 10 * time.Second

// terminated returns the termination that refuses a bearer.
func (e *Edge) terminated(b *bearer) (platform.Termination, bool) {
	if e.follower == nil {
		return platform.Termination{}, false
	}
	return e.terminations.of(b, e.clock(), e.shared.Member)
}

const tokenTerminated = "the token was issued before its bearer was terminated"

// notTerminated refuses a bearer that has been terminated, and everybody while the edge does not know who has.
func (e *Edge) notTerminated(ctx context.Context, b *bearer) *problem {
	if e.follower == nil {
		return nil
	}
	if !e.terminations.await(ctx, e.timing.Verdict) {
		return unavailable("the node cannot tell just now who has been terminated")
	}
	if _, ok := e.terminated(b); ok {
		return unauthorized(tokenTerminated)
	}
	return nil
}

// bearer returns whom the exchange is of, by its claims.
func (x *exchange) bearer(c tutti.Claims) *bearer {
	return &bearer{sub: c.Subject, issued: c.IssuedAt, category: x.category.Name, id: x.id, conn: x.conn}
}

// bearer returns whom the link is of.
func (l *link) bearer() *bearer {
	b := &bearer{sub: l.sub.name, category: l.hub.category, id: l.hub.id, conn: l.conn}
	if at := l.issued.Load(); at != 0 {
		b.issued = time.UnixMilli(at)
	}
	return b
}

// issued returns when the token of the claims was issued, in Unix ms; 0: not known.
func issued(c tutti.Claims) int64 {
	if c.IssuedAt.IsZero() {
		return 0
	}
	return max(c.IssuedAt.UnixMilli(), 1)
}

// endTerminated ends the links of those who have been terminated. Their connections have left.
func (e *Edge) endTerminated() {
	for _, l := range e.links() {
		if one, ok := e.terminated(l.bearer()); ok {
			l.endTerminated(&one)
		}
	}
}

// farewell is what a client is told.
func farewell(t *platform.Termination) string {
	if t.Message == "" {
		return "an operator has ended it"
	}
	return t.Message
}

func (l *link) endTerminated(why *platform.Termination) {
	if l.leaves.Swap(true) {
		return
	}
	l.end(ending{code: wire.EndTerminated, message: farewell(why), close: wire.CloseRefused})
	l.part() // now, not when the client has gone
}

// Terminate has the cluster end the links of a subject, or the connection of a member, and refuse tokens issued before. It
// is durable when Terminate returns, and known here; other edges learn of it at once. The result says when it was.
// The error is ErrFull when as many terminations stand as may, ErrUnavailable when nothing has happened; after any other
// it may yet.
func (e *Edge) Terminate(ctx context.Context, t platform.Termination) (platform.Termination, error) {
	if p := e.awaitRun(ctx); p != nil || e.follower == nil {
		return t, ErrUnavailable
	}
	var done platform.Termination
	err := e.askOwn(ctx, terminateWait, platform.Revocations, platform.Revocation, "terminate", t, &done)
	if err != nil {
		return t, err
	}
	return done, nil
}

// Terminations returns those that stand, the newest first.
func (e *Edge) Terminations(ctx context.Context) ([]platform.Termination, error) {
	if p := e.awaitRun(ctx); p != nil || e.follower == nil || !e.terminations.await(ctx, e.timing.Verdict) {
		return nil, ErrUnavailable
	}
	return e.terminations.list(e.clock()), nil
}
