package state

import (
	"slices"
	"strings"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/wire"
)

// attendance is who is at an entity. It outlives the entity's passivation. Nothing that one member does costs more the more
// there are.
type attendance struct {
	links   map[linkKey]*link
	members map[string]*member
	watch   map[watcher]watched // the links of an audience that each edge has
	told    map[bus.Address]int // how many links at each edge are told who is here

	watching  int   // links in watch
	listeners int   // links in told
	seen      int   // members who are counted: all but those known from the journal only
	arrivals  chain // of these, in the order in which they came
	absences  chain // members without a link, in the order in which they lost it
	idle      chain // members of a category with a SessionTimeout, in the order of what they did last

	roster   roster
	relay    relay
	recovery recovery
}

// watcher is an audience at an edge: what events are sent to.
type watcher struct {
	edge     bus.Address
	audience string
}

// watched says of an audience at an edge how many links it has, and that the edge has been sent every event after since
// that the audience sees.
type watched struct {
	links int
	since uint64
}

// link is one network attachment of a member.
type link struct {
	key      linkKey
	addr     bus.Address
	member   *member
	next     *link // of the same member
	watch    bool
	presence bool
	sender   bool
	made     int64        // when its client came, Unix ms, the edge's clock
	attempt  uint64       // as its client counts them; 0: it does not
	own      *turn.Claims // of a sender's token; nil: those of the member
	// awaited says that the link's first welcome is being made. What its client sends meanwhile is
	// set aside, so that the welcome comes first.
	awaited bool
	aside   []message
}

// member is a connection that is here: with a link, or within its grace period.
type member struct {
	id       string
	sub      string
	claims   turn.Claims
	audience string
	who      []byte // JSON
	data     []byte // presence data, JSON
	link     *link  // the first of its links
	links    int
	away     int64 // when its last link went, time passed; 0 while it has one
	unseen   bool  // known from the journal only: no link has come since the partition was acquired

	attempt uint64 // the highest of its links, where its client counts them

	acted   int64 // when it did something last, time passed, while it is in idle
	arrival hook
	absence hook
	idling  hook
	listed  listing
}

func (e *entity) attendance() *attendance {
	if e.here == nil {
		e.here = &attendance{
			links:   make(map[linkKey]*link),
			members: make(map[string]*member),
			watch:   make(map[watcher]watched),
			told:    make(map[bus.Address]int),
		}
	}
	return e.here
}

// link returns the link that an envelope came from, nil when it is not at the entity.
func (e *entity) link(env *wire.Envelope) *link {
	if e.here == nil {
		return nil
	}
	return e.here.links[linkKey{env.Edge, env.Link}]
}

// attached reports whether the member is here.
func (e *entity) attached(member string) bool {
	return e.here != nil && e.here.members[member] != nil
}

// enter makes m a member who is here. One who has been, and is known from the journal only, is counted from now on.
func (a *attendance) enter(m *member) {
	a.members[m.id] = m
	m.unseen = false
	a.seen++
	a.arrivals.append(m, byArrival)
	a.list(m)
}

// await makes m a member who may come back, which nobody is told.
func (a *attendance) await(m *member, now int64) {
	m.unseen = true
	a.members[m.id] = m
	a.miss(m, now)
}

// miss notes that a member has no link from now on.
func (a *attendance) miss(m *member, now int64) {
	m.away = now
	a.absences.remove(m, byAbsence)
	a.absences.append(m, byAbsence)
}

// remove takes a member away who has no link.
func (a *attendance) remove(m *member) {
	a.absences.remove(m, byAbsence)
	a.idle.remove(m, byIdleness)
	if a.members[m.id] != m {
		return
	}
	delete(a.members, m.id)
	if m.unseen {
		return
	}
	a.seen--
	a.unlist(m)
	a.arrivals.remove(m, byArrival)
}

// add puts a link at the entity, which is at that revision.
func (a *attendance) add(l *link, revision uint64) {
	m := l.member
	a.links[l.key] = l
	l.next, m.link = m.link, l
	m.links++
	m.away = 0
	a.absences.remove(m, byAbsence)
	if l.presence {
		a.told[l.addr]++
		a.listeners++
	}
	if l.watch {
		w, ok := a.watch[watcher{l.addr, m.audience}]
		if !ok {
			w.since = revision
		}
		w.links++
		a.watch[watcher{l.addr, m.audience}] = w
		a.watching++
	}
}

// drop takes a link away.
func (a *attendance) drop(l *link) {
	if a.links[l.key] != l {
		return
	}
	delete(a.links, l.key)
	m := l.member
	for at := &m.link; *at != nil; at = &(*at).next {
		if *at == l {
			*at = l.next
			break
		}
	}
	m.links--
	if l.presence {
		a.listeners--
		if a.told[l.addr]--; a.told[l.addr] == 0 {
			delete(a.told, l.addr)
		}
	}
	if w := (watcher{l.addr, m.audience}); l.watch {
		a.watching--
		left := a.watch[w]
		if left.links--; left.links > 0 {
			a.watch[w] = left
		} else {
			delete(a.watch, w)
		}
	}
}

// linksOf calls f for each link of the member. f may drop it.
func (e *entity) linksOf(member string, f func(l *link)) {
	if e.here == nil || e.here.members[member] == nil {
		return
	}
	for l := e.here.members[member].link; l != nil; {
		next := l.next
		f(l)
		l = next
	}
}

// membersHere returns the members in the order in which they came, those known from the journal only first.
func (e *entity) membersHere() []turn.Member {
	if e.here == nil {
		return nil
	}
	out := make([]turn.Member, 0, len(e.here.members))
	add := func(m *member) {
		out = append(out, turn.Member{ID: m.id, Audience: m.audience, Who: m.who, Data: m.data})
	}
	if e.here.seen < len(e.here.members) {
		for _, m := range e.here.members {
			if m.unseen {
				add(m)
			}
		}
		slices.SortFunc(out, func(a, b turn.Member) int { return strings.Compare(a.ID, b.ID) })
	}
	for m := e.here.arrivals.first; m != nil; m = m.arrival.after {
		add(m)
	}
	return out
}

// newMember makes a member of claims. Application code decides about audience and who.
func (e *entity) newMember(id string, claims turn.Claims) (*member, error) {
	m := &member{id: id, sub: claims.Subject, claims: claims}
	err := guard(func() (err error) {
		m.audience = e.cat.audience(claims)
		if e.cat.Who != nil {
			m.who, err = e.cat.Who(claims)
		}
		return err
	})
	return m, err
}

// renew has m be what fresh says of the same connection. None of its links watches any more, or the audience that they watch
// as would be another.
func (a *attendance) renew(m, fresh *member) {
	shown := string(m.who) != string(fresh.who)
	m.sub, m.claims, m.audience, m.who = fresh.sub, fresh.claims, fresh.audience, fresh.who
	if shown {
		a.update(m)
	}
}
