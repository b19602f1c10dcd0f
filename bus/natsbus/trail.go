package natsbus

import (
	"encoding/binary"
	"time"

	"github.com/tutti-rt/tutti/bus"
)

// NATS says nothing of messages that it loses, as when a route breaks or two servers have dialed each other at the same moment. So
// each message ends with a trail: who has sent it, and which of the sender's messages to that subject it is. When a sender falls
// silent at a subject, it says there how far it got, so that the loss of its last messages is noticed as well.

const (
	// markEvery is how often a lane looks for subjects at which it has fallen silent.
	markEvery = 250 * time.Millisecond
	// lastMark is after how many looks a silent subject is left alone: sixteen seconds, for longer than it takes until a route that has
	// broken without a word is closed and made anew.
	lastMark = 64
	// maxTrails bounds of how many subjects a lane counts the messages, and of how many senders an inbox does. Beyond, all begin anew,
	// and a loss in that moment is not noticed.
	maxTrails = 1 << 16
	// maxNodeBytes bounds the name of a node.
	maxNodeBytes = 64
	// trailBytes is how long a trail is at most.
	trailBytes = maxNodeBytes + 1 + 8 + 8
)

// trail is the end of a message.
type trail struct {
	node   string
	sender uint64
	number uint64
}

// append appends the trail to a message.
func (t *trail) append(m []byte) []byte {
	m = append(append(m, t.node...), byte(len(t.node)))
	m = binary.LittleEndian.AppendUint64(m, t.sender)
	return binary.LittleEndian.AppendUint64(m, t.number)
}

// cutTrail takes the trail off the end of what a message holds.
func cutTrail(b []byte) (rest, node []byte, t trail, err error) {
	n := len(b) - 17
	if n < 0 || int(b[n]) > maxNodeBytes || int(b[n]) > n {
		return nil, nil, trail{}, errGarbage
	}
	t.sender, t.number = binary.LittleEndian.Uint64(b[n+1:]), binary.LittleEndian.Uint64(b[n+9:])
	begin := n - int(b[n])
	return b[:begin:begin], b[begin:n], t, nil
}

// trails counts what a lane sends, subject by subject. They belong to its goroutine.
type trails struct {
	node   string
	sender uint64
	by     map[string]*sent
	recent map[string]*sent // that were sent something lately
}

// sent is what a subject was sent.
type sent struct {
	number uint64
	seen   uint64 // when the lane looked last
	silent int    // looks
}

func newTrails(node string, sender uint64) trails {
	return trails{node: node, sender: sender, by: make(map[string]*sent), recent: make(map[string]*sent)}
}

// next returns the trail of the next message to a subject.
func (t *trails) next(subject string) *trail {
	s := t.by[subject]
	if s == nil {
		if len(t.by) >= maxTrails {
			clear(t.by)
			clear(t.recent)
		}
		s = &sent{}
		t.by[subject] = s
	}
	s.number++
	t.recent[subject] = s
	return &trail{node: t.node, sender: t.sender, number: s.number}
}

// due returns those to say of how far the sender got: soon after it has fallen silent, and three times more in case that is lost as well.
func (t *trails) due() map[string]uint64 {
	var all map[string]uint64
	for subject, s := range t.recent {
		if s.number != s.seen {
			s.seen, s.silent = s.number, 0
			continue
		}
		switch s.silent++; s.silent {
		case lastMark:
			delete(t.recent, subject)
			fallthrough
		case 1, 4, 16:
			if all == nil {
				all = make(map[string]uint64)
			}
			all[subject] = s.number
		}
	}
	return all
}

// mark says how far the sender got. Without a connection it is said once there is one again.
func (l *lane) mark() {
	if l.down.Load() {
		return
	}
	for subject, number := range l.trails.due() {
		t := trail{node: l.trails.node, sender: l.trails.sender, number: number}
		m := t.append(newMessage(nil, holdsMark))
		seal(m)
		if l.conn.Publish(subject, m) == nil {
			l.messages.Add(1)
			l.bytes.Add(int64(len(m)))
		}
	}
}

// follow notes that a message has come, and says so when others before it have not.
func (in *inbox) follow(t *trail, node []byte, mark bool) {
	last := in.senders[t.sender]
	next := last + 1
	if mark {
		next = last
	}
	if in.senders == nil || last == 0 && len(in.senders) >= maxTrails {
		in.senders = make(map[uint64]uint64)
	}
	in.senders[t.sender] = t.number
	if t.number > next {
		in.bus.missed(bus.Loss{At: in.at, All: in.all, From: string(node)}, t.number-next)
	}
}

// missed tells those who want to know of a loss.
func (b *Bus) missed(l bus.Loss, messages uint64) {
	b.missing.Add(int64(messages))
	if told := b.losses.Load(); told != nil {
		for _, w := range *told {
			w.lost(l)
		}
	}
}

// watcher is somebody who wants to know of losses.
type watcher struct{ lost func(bus.Loss) }

// Losses has lost called when messages of another node have not arrived: for each address, on the goroutine that takes what comes to it.
// What was sent before an address was listened at counts as lost as well, once.
func (b *Bus) Losses(lost func(bus.Loss)) (stop func()) {
	w := &watcher{lost}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watch(func(all []*watcher) []*watcher { return append(all, w) })
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.watch(func(all []*watcher) []*watcher {
			for i, o := range all {
				if o == w {
					return append(all[:i], all[i+1:]...)
				}
			}
			return all
		})
	}
}

// watch replaces the list of watchers by what change makes of a copy of it. The caller holds b.mu.
func (b *Bus) watch(change func([]*watcher) []*watcher) {
	var all []*watcher
	if before := b.losses.Load(); before != nil {
		all = append(all, *before...)
	}
	all = change(all)
	b.losses.Store(&all)
}
