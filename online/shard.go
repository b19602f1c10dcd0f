package online

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// shard knows about its share of the subjects.
type shard struct {
	dir         *Directory
	number      int
	incarnation string

	sending sync.Mutex // held over Send, which does not wait, so that what is numbered arrives in order; before mu

	mu       sync.Mutex
	cold     bool // not every edge may have told everything
	users    map[string]user
	more     map[string][]place // where a user is beside user.at
	edges    map[string]*reporter
	places   []*reporter // by place.edge; nil where there is none any more
	watchers map[string][]uint16
}

// user is a subject that is online.
type user struct {
	since int64 // Unix ms
	at    place
	more  bool // at other edges as well
}

// place is an edge that said so, and in which of its tellings of everything, or after it.
type place struct {
	edge    uint16
	telling uint8
}

// reporter is an edge as a shard sees it.
type reporter struct {
	name        string
	incarnation string
	index       uint16
	number      uint64 // of its last report
	whole       uint64 // of the one with which it began to tell everything
	telling     uint8  // counts these
	unfinished  bool   // it has not told everything yet
	heard       time.Time
	watched     map[string]struct{}
	told        uint64 // number of the last batch that it was sent
	pending     batch
}

// maxPending is how many envelopes may gather for an edge. It is told of none of them when there are more, and notices that by their
// number.
const maxPending = 64

func newShard(d *Directory, number int, cold bool) *shard {
	return &shard{
		dir: d, number: number, incarnation: incarnation(), cold: cold,
		users: make(map[string]user), more: make(map[string][]place),
		edges: make(map[string]*reporter), watchers: make(map[string][]uint16),
	}
}

// take answers an edge.
func (s *shard) take(env *wire.Envelope) {
	switch env.Kind {
	case wire.KindReport:
		s.sending.Lock()
		defer s.sending.Unlock()
		if answer := s.report(env); answer != nil {
			s.send(env.Edge, answer)
		}
	case wire.KindWho:
		s.send(env.Edge, s.who(env))
	}
}

func (s *shard) send(edge string, env *wire.Envelope) {
	env.Epoch, env.Link = s.incarnation, uint64(s.number)
	s.dir.told.Add(1)
	if err := s.dir.bus.Send(Lane, bus.Reporter(edge), env); err != nil {
		s.dir.log.Debug("edge not reached", "edge", edge, "err", err)
	}
}

// report takes what an edge says. It returns an answer where there is one.
func (s *shard) report(env *wire.Envelope) *wire.Envelope {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.edges[env.Edge]
	known := r != nil && r.incarnation == env.Epoch
	switch {
	case known && env.Number <= r.number:
		return nil // a repetition
	case env.Has(wire.Refresh):
		if r = s.begin(env); r == nil {
			return nil
		}
	case !known || env.Number > r.number+1:
		if known {
			r.heard = time.Now()
		}
		return &wire.Envelope{Kind: wire.KindReported, Flags: wire.Refresh, Until: env.Number}
	}
	r.number, r.heard = env.Number, time.Now()
	for subject, err := range wire.DecodeSubjects(env.Data) {
		if err != nil {
			s.dir.log.Error("report of an edge", "edge", env.Edge, "err", err)
			break
		}
		s.apply(r, subject)
	}
	if r.unfinished && !env.Has(wire.More) {
		r.unfinished = false
		s.sweep(r)
	}
	if len(env.Data) > 0 || env.Has(wire.Refresh) {
		return nil
	}
	return &wire.Envelope{Kind: wire.KindReported, Acked: r.whole, Until: r.number, Number: r.told}
}

// begin has an edge that tells everything begin. What it has told before counts until the end.
func (s *shard) begin(env *wire.Envelope) *reporter {
	r := s.edges[env.Edge]
	if r == nil {
		index := slices.Index(s.places, nil)
		if index < 0 {
			index = len(s.places)
			s.places = append(s.places, nil)
		}
		if index > math.MaxUint16 {
			s.places = s.places[:index]
			s.dir.log.Error("too many edges", "edge", env.Edge)
			return nil
		}
		r = &reporter{name: env.Edge, index: uint16(index)}
		s.edges[r.name], s.places[index] = r, r
	}
	s.unwatch(r)
	r.incarnation, r.whole, r.unfinished = env.Epoch, env.Number, true
	r.telling++
	r.told, r.pending = 0, batch{}
	return r
}

func (s *shard) apply(r *reporter, subject wire.Subject) {
	name := subject.Name
	switch subject.Change {
	case wire.SubjectCame:
		s.came(r, name, max(subject.Since, 1))
	case wire.SubjectWent:
		if u, ok := s.users[name]; ok {
			s.went(name, u, r.index)
		}
	case wire.SubjectWatched:
		if _, ok := r.watched[name]; ok {
			return
		}
		if r.watched == nil {
			r.watched = make(map[string]struct{})
		}
		r.watched[name] = struct{}{}
		s.watchers[name] = append(s.watchers[name], r.index)
		if !s.cold {
			s.tellLater(r, state(name, s.users[name].since))
		}
	case wire.SubjectUnwatched:
		delete(r.watched, name)
		s.unwatchOne(r, name)
	}
}

func (s *shard) came(r *reporter, name string, since int64) {
	here := place{r.index, r.telling}
	u, ok := s.users[name]
	switch {
	case !ok:
		s.users[name] = user{since: since, at: here}
		s.changed(name, since)
		return
	case u.at.edge == r.index:
		u.at = here
	default:
		u.more = true
		others := s.more[name]
		if i := slices.IndexFunc(others, func(p place) bool { return p.edge == r.index }); i >= 0 {
			others[i] = here
		} else {
			s.more[name] = append(others, here)
		}
	}
	u.since = min(u.since, since)
	s.users[name] = u
}

// went takes a user from an edge, if it is there.
func (s *shard) went(name string, u user, edge uint16) {
	others := s.more[name]
	if u.at.edge != edge {
		i := slices.IndexFunc(others, func(p place) bool { return p.edge == edge })
		if i < 0 {
			return
		}
		others = slices.Delete(others, i, i+1)
	} else if len(others) > 0 {
		u.at, others = others[0], others[1:]
	} else {
		delete(s.users, name)
		s.changed(name, 0)
		return
	}
	if u.more = len(others) > 0; u.more {
		s.more[name] = others
	} else {
		delete(s.more, name)
	}
	s.users[name] = u
}

// sweep takes everybody from an edge whom it has not told of when it told everything.
func (s *shard) sweep(r *reporter) {
	for name, u := range s.users {
		if u.at.edge == r.index && u.at.telling != r.telling {
			s.went(name, u, r.index)
			continue
		}
		if !u.more {
			continue
		}
		for _, p := range s.more[name] {
			if p.edge == r.index && p.telling != r.telling {
				s.went(name, u, r.index)
				break
			}
		}
	}
}

// changed tells the edges that watch the user, which is online since then; 0: not any more.
func (s *shard) changed(name string, since int64) {
	if s.cold {
		return
	}
	for _, edge := range s.watchers[name] {
		s.tellLater(s.places[edge], state(name, since))
	}
}

func (s *shard) tellLater(r *reporter, subject wire.Subject) {
	r.pending.add(subject)
	if len(r.pending.parts) > maxPending {
		r.pending = batch{}
		r.told++
	}
	s.dir.wake()
}

// tell sends the edges what there is to tell.
func (s *shard) tell() {
	s.sending.Lock()
	defer s.sending.Unlock()
	type telling struct {
		edge string
		env  *wire.Envelope
	}
	var all []telling
	s.mu.Lock()
	for _, r := range s.edges {
		for _, part := range r.pending.take() {
			r.told++
			all = append(all, telling{r.name, &wire.Envelope{
				Kind: wire.KindReported, Acked: r.whole, Until: r.number, Number: r.told, Data: part,
			}})
		}
	}
	s.mu.Unlock()
	for _, t := range all {
		s.send(t.edge, t.env)
	}
}

// warmed says that every edge has told everything by now.
func (s *shard) warmed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.cold {
		return
	}
	s.cold = false
	for _, r := range s.edges {
		for name := range r.watched {
			s.tellLater(r, state(name, s.users[name].since))
		}
	}
}

// expire forgets the edges that have not been heard of for too long.
func (s *shard) expire(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.edges {
		if now.Sub(r.heard) <= s.dir.timing.TTL {
			continue
		}
		s.dir.log.Warn("edge not heard of", "edge", r.name, "for", now.Sub(r.heard))
		s.unwatch(r)
		r.telling++
		s.sweep(r)
		delete(s.edges, r.name)
		s.places[r.index] = nil
	}
}

// unwatch forgets what an edge watches.
func (s *shard) unwatch(r *reporter) {
	for name := range r.watched {
		s.unwatchOne(r, name)
	}
	r.watched = nil
}

func (s *shard) unwatchOne(r *reporter, name string) {
	edges := slices.DeleteFunc(s.watchers[name], func(edge uint16) bool { return edge == r.index })
	if len(edges) == 0 {
		delete(s.watchers, name)
		return
	}
	s.watchers[name] = edges
}

// who answers which of the subjects are online.
func (s *shard) who(env *wire.Envelope) *wire.Envelope {
	answer := &wire.Envelope{Kind: wire.KindOnline, Command: env.Command}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cold {
		answer.Flags = wire.Refused
		return answer
	}
	for subject, err := range wire.DecodeSubjects(env.Data) {
		if err != nil {
			s.dir.log.Error("question of an edge", "edge", env.Edge, "err", err)
			break
		}
		if u, ok := s.users[subject.Name]; ok {
			answer.Data = wire.AppendSubject(answer.Data, state(subject.Name, u.since))
		}
	}
	return answer
}
