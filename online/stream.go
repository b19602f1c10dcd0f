package online

import (
	"slices"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// stream is what an agent and one shard have to do with each other.
type stream struct {
	number int // of the shard

	mu        sync.Mutex
	users     map[string]present
	lingering []lingering // in the order in which their time is over
	watched   map[string]*watch
	pending   batch // to be reported

	all     bool   // everything is to be told
	sent    uint64 // number of the last report
	whole   uint64 // of the one that began to tell everything
	heard   uint64 // of the last batch from the shard since
	shard   string // its incarnation; empty: not known
	beatAt  time.Duration
	started bool
}

// present is a subject with links at the edge, or that had some a little while ago.
type present struct {
	since int64 // Unix ms
	links int32
	stamp uint32 // changes with the links
}

// lingering is a subject whose last link has gone.
type lingering struct {
	name  string
	until time.Duration // since the agent's start
	stamp uint32        // it has not come again if it still has this one
}

// watch is a subject that somebody follows.
type watch struct {
	known     bool
	since     int64 // 0: it is not online
	followers []*Following
}

func newStream(number int) *stream {
	return &stream{number: number, users: make(map[string]present), watched: make(map[string]*watch), all: true}
}

// came counts a link. It reports whether there is something to tell.
func (s *stream) came(name string, now int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users[name]
	if !ok {
		u.since = now
		s.say(state(name, now))
	}
	u.links++
	u.stamp++
	s.users[name] = u
	return !ok
}

// gone takes a link out of the count. It reports whether it was the last one.
func (s *stream) gone(name string, until time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[name]
	u.links--
	u.stamp++
	s.users[name] = u
	if u.links > 0 {
		return false
	}
	s.lingering = append(s.lingering, lingering{name, until, u.stamp})
	return true
}

// say puts something into the next report, unless that tells everything anyway. s.mu is held.
func (s *stream) say(subject wire.Subject) {
	if !s.all {
		s.pending.add(subject)
	}
}

// tellAll has the next report tell everything.
func (s *stream) tellAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = true
	s.pending = batch{}
}

// endLingering lets those go whose last link has gone for long enough, and returns when the next one does. s.mu is held.
func (s *stream) endLingering(now time.Duration) (next time.Duration) {
	n := 0
	for _, l := range s.lingering {
		if l.until > now {
			next = l.until - now
			break
		}
		n++
		if u := s.users[l.name]; u.links == 0 && u.stamp == l.stamp {
			delete(s.users, l.name)
			s.say(state(l.name, 0))
		}
	}
	if n == len(s.lingering) {
		s.lingering = nil
	} else {
		clear(s.lingering[:n]) // their names
		s.lingering = s.lingering[n:]
	}
	return next
}

// reports returns what is to be sent to the shard now, and when it is to be asked for again at the latest. When everything is to be
// told it returns the report that begins it.
func (s *stream) reports(now, beat time.Duration) (begin *wire.Envelope, parts []*wire.Envelope, next time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next = beat
	if until := s.endLingering(now); until > 0 {
		next = min(next, until)
	}
	due := !s.started || now-s.beatAt >= beat
	if due {
		s.beatAt, s.started = now, true
	} else {
		next = min(next, beat-(now-s.beatAt))
	}
	if s.all {
		s.sent++
		return &wire.Envelope{Kind: wire.KindReport, Flags: wire.Refresh | wire.More, Number: s.sent}, nil, next
	}
	for _, data := range s.pending.take() {
		parts = append(parts, s.next(0, data))
	}
	if due {
		parts = append(parts, s.next(0, nil))
	}
	return nil, parts, next
}

// next returns the next report. s.mu is held.
func (s *stream) next(flags wire.Flags, data []byte) *wire.Envelope {
	s.sent++
	return &wire.Envelope{Kind: wire.KindReport, Flags: flags, Number: s.sent, Data: data}
}

// everything returns the reports that follow the one that began to tell everything.
func (s *stream) everything(begin uint64) []*wire.Envelope {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all, s.whole, s.heard, s.pending = false, begin, 0, batch{}
	var all batch
	for name, u := range s.users {
		all.add(state(name, u.since))
	}
	for name := range s.watched {
		all.add(wire.Subject{Change: wire.SubjectWatched, Name: name})
	}
	var reports []*wire.Envelope
	for _, data := range all.take() {
		reports = append(reports, s.next(wire.More, data))
	}
	return append(reports, s.next(0, nil))
}

// reported takes what the shard says. It returns whether there is something to tell it.
func (s *stream) reported(env *wire.Envelope) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	other := s.shard != "" && s.shard != env.Epoch
	s.shard = env.Epoch
	switch {
	case s.all:
		return false // it is about to be told
	case env.Has(wire.Refresh):
		if env.Until < s.whole {
			return false // of a report before that
		}
	case env.Acked != s.whole:
		if !other {
			return false // of a report before that
		}
	case len(env.Data) > 0 && env.Number == s.heard+1:
		s.heard++
		for subject, err := range wire.DecodeSubjects(env.Data) {
			if err != nil {
				break // it is told everything when it counts; there is nothing better to do
			}
			s.became(subject)
		}
		return false
	case len(env.Data) == 0 && env.Number == s.heard:
		return false
	}
	s.all = true
	s.pending = batch{}
	return true
}

// became tells those who follow a subject what has become of it. s.mu is held.
func (s *stream) became(subject wire.Subject) {
	w := s.watched[subject.Name]
	if w == nil {
		return
	}
	first, before := !w.known, w.since
	w.known, w.since = true, subject.Since
	if !first && (before == 0) == (w.since == 0) {
		return
	}
	for _, f := range w.followers {
		f.tell(subject.Name, w.since, first)
	}
}

// follow has f told of the subject.
func (s *stream) follow(name string, f *Following) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.watched[name]
	if w == nil {
		w = &watch{}
		s.watched[name] = w
		s.say(wire.Subject{Change: wire.SubjectWatched, Name: name})
	}
	w.followers = append(w.followers, f)
	if w.known {
		f.tell(name, w.since, true)
	}
}

func (s *stream) unfollow(name string, f *Following) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.watched[name]
	w.followers = slices.DeleteFunc(w.followers, func(have *Following) bool { return have == f })
	if len(w.followers) == 0 {
		delete(s.watched, name)
		s.say(wire.Subject{Change: wire.SubjectUnwatched, Name: name})
	}
}
