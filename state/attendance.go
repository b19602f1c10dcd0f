package state

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/wire"
)

// attendance is who is at an entity. It outlives the entity's passivation.
type attendance struct {
	links   map[linkKey]*link
	members map[string]*member
	watch   map[watcher]int     // how many links of an audience each edge has
	told    map[bus.Address]int // how many links at each edge are told who is here
	came    uint64              // how many members have come, for their order
	changes presenceChanges
	idle    idlers
}

// watcher is an audience at an edge: what events are sent to.
type watcher struct {
	edge     bus.Address
	audience string
}

// link is one network attachment of a member.
type link struct {
	key      linkKey
	addr     bus.Address
	member   *member
	watch    bool
	presence bool
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
	links    int
	away     int64 // when its last link went, time passed; 0 while it has one
	order    uint64
	idling   idling
	unseen   bool // known from the journal only: no link has come since the partition was acquired
}

func (e *entity) attendance() *attendance {
	if e.here == nil {
		e.here = &attendance{
			links:   make(map[linkKey]*link),
			members: make(map[string]*member),
			watch:   make(map[watcher]int),
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

// add puts a link at the entity.
func (a *attendance) add(l *link) {
	a.links[l.key] = l
	l.member.links++
	l.member.away, l.member.unseen = 0, false
	if l.presence {
		a.told[l.addr]++
	}
	if l.watch {
		a.watch[watcher{l.addr, l.member.audience}]++
	}
}

// drop takes a link away.
func (a *attendance) drop(l *link) {
	if a.links[l.key] != l {
		return
	}
	delete(a.links, l.key)
	l.member.links--
	if l.presence {
		if a.told[l.addr]--; a.told[l.addr] == 0 {
			delete(a.told, l.addr)
		}
	}
	if w := (watcher{l.addr, l.member.audience}); l.watch {
		if a.watch[w]--; a.watch[w] == 0 {
			delete(a.watch, w)
		}
	}
}

// linksOf calls f for each link of the member.
func (e *entity) linksOf(member string, f func(l *link)) {
	if e.here == nil || e.here.members[member] == nil {
		return
	}
	for _, l := range e.here.links {
		if l.member.id == member {
			f(l)
		}
	}
}

// membersHere returns the members in the order in which they came.
func (e *entity) membersHere() []turn.Member {
	if e.here == nil {
		return nil
	}
	all := make([]*member, 0, len(e.here.members))
	for _, m := range e.here.members {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *member) int {
		if a.order != b.order {
			return int(int64(a.order) - int64(b.order))
		}
		return strings.Compare(a.id, b.id)
	})
	out := make([]turn.Member, len(all))
	for i, m := range all {
		out[i] = turn.Member{ID: m.id, Audience: m.audience, Who: m.who, Data: m.data}
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

// refreshClaims takes the claims of a fresh token. What the member sees stays as it was when it
// attached: another audience takes a new link.
func (e *entity) refreshClaims(l *link, data []byte) {
	var claims turn.Claims
	if err := json.Unmarshal(data, &claims); err != nil || claims.Subject != l.member.sub {
		return // the edge has verified it; this is another edge's defect
	}
	l.member.claims = claims
}
