package edge

import (
	"sync"
	"time"
)

// bucket lets through so many a second, and after a pause a second's worth at once.
type bucket struct {
	level float64 // what is left
	last  int64   // ns since the edge was made
}

// full returns a bucket that nothing was taken from.
func full(now int64, burst int) bucket { return bucket{level: float64(burst), last: now} }

// take takes n if they are there. A refused n takes nothing. What came before what was taken last, as it may on
// another link, is taken as if it came with that.
func (b *bucket) take(now int64, n, rate, burst int) bool {
	now = max(now, b.last)
	b.level = min(b.level+float64(now-b.last)*float64(rate)/float64(time.Second), float64(burst))
	b.last = now
	if b.level < float64(n) {
		return false
	}
	b.level -= float64(n)
	return true
}

// gate is a bucket for everybody.
type gate struct {
	mu sync.Mutex
	bucket
	open bool // bucket is filled
}

func (g *gate) take(now int64, rate, burst int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.open {
		g.bucket, g.open = full(now, burst), true
	}
	return g.bucket.take(now, 1, rate, burst)
}

// subject is what all links of one bearer share.
type subject struct {
	name string

	mu            sync.Mutex
	links         int // guarded by subjects.mu
	questions     int // under way; guarded by subjects.mu
	frames, bytes bucket
	handshakes    bucket
	tickets       bucket // each costs 60: the rate is per minute
}

// subjects are those with a link, or with one a little while ago.
type subjects struct {
	mu     sync.Mutex
	byName map[string]*subject
}

// Why a subject gets no further link.
const (
	subjectOK = iota
	subjectTooMany
	subjectTooFast
)

// find returns the subject, new if need be. mu is held.
func (s *subjects) find(name string, now int64, l *Limits) *subject {
	sub := s.byName[name]
	if sub == nil {
		sub = &subject{
			name: name, frames: full(now, l.SubFrames), bytes: full(now, l.SubBytes),
			handshakes: full(now, handshakeBurst(l)), tickets: full(now, 60*l.SubTickets),
		}
		s.byName[name] = sub
	}
	return sub
}

// takeTicket counts a ticket of the subject.
func (s *subjects) takeTicket(name string, now int64, l *Limits) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(name, now, l).tickets.take(now, 60, l.SubTickets, 60*l.SubTickets)
}

// ask counts a question of the subject, if it may have one more under way.
func (s *subjects) ask(name string, now int64, l *Limits) (*subject, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.find(name, now, l)
	if sub.questions >= l.SubCalls {
		return nil, false
	}
	sub.questions++
	return sub, true
}

// answered takes a question out of the count.
func (s *subjects) answered(sub *subject) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub.questions--
}

// takeHandshake counts a request of the subject like one for a link.
func (s *subjects) takeHandshake(name string, now int64, l *Limits) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(name, now, l).handshakes.take(now, 1, l.SubHandshakes, handshakeBurst(l))
}

// enter counts a link of the subject.
func (s *subjects) enter(name string, now int64, l *Limits) (*subject, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.find(name, now, l)
	switch {
	case sub.links >= l.SubLinks:
		return nil, subjectTooMany
	case !sub.handshakes.take(now, 1, l.SubHandshakes, handshakeBurst(l)):
		return nil, subjectTooFast
	}
	sub.links++
	return sub, subjectOK
}

// visit counts a handshake of a subject that has a link already.
func (s *subjects) visit(sub *subject, now int64, l *Limits) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sub.handshakes.take(now, 1, l.SubHandshakes, handshakeBurst(l))
}

// handshakeBurst lets all links of a subject come back at once.
func handshakeBurst(l *Limits) int { return max(l.SubLinks, l.SubHandshakes) }

// leave takes a link of the subject out of the count.
func (s *subjects) leave(sub *subject) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub.links--
}

// age forgets the subjects without links that may do again what they like.
func (s *subjects) age(now int64, l *Limits) {
	burst := handshakeBurst(l)
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, sub := range s.byName {
		if sub.links+sub.questions == 0 && sub.handshakes.take(now, burst, l.SubHandshakes, burst) &&
			sub.tickets.take(now, 60*l.SubTickets, l.SubTickets, 60*l.SubTickets) {
			delete(s.byName, name)
		}
	}
}

// take counts a frame of the subject.
func (s *subject) take(now int64, bytes int, l *Limits) bool { return s.takeMany(now, 1, bytes, l) }

// takeMany counts frames that have so many bytes together.
func (s *subject) takeMany(now int64, frames, bytes int, l *Limits) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.frames.take(now, frames, l.SubFrames, l.SubFrames) &&
		s.bytes.take(now, bytes, l.SubBytes, max(l.SubBytes, l.Frame))
}
