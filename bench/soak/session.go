package soak

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// manner is how a client behaves.
type manner struct {
	watch    bool
	presence bool
	slow     bool          // stops reading now and then
	drops    time.Duration // how long a link lasts about; 0: as long as it can
	away     time.Duration // how long it stays without a link then, about
	stays    time.Duration // how long the connection lasts; 0: until the end
}

// window is how many commands a connection has without an answer at most.
const window = 32

// session is one connection at one entity across its links. It resends what has no answer, resumes from its
// cursor, and checks and notes all it is told. One goroutine runs it, any may send.
type session struct {
	*world
	place  *place
	manner manner
	number uint32
	conn   string // secret id
	sub    string
	rng    *rand.Rand // of the goroutine that runs it
	driver Driver     // of a guest; nil: the session has links of its own
	quit   chan struct{}
	once   sync.Once
	polite bool // has said that it leaves; read once quit is closed

	mu      sync.Mutex // guards what follows
	socket  *socket    // nil while there is no link that has been welcomed
	ids     uint64
	waiting []sent // in order of their ids
	gone    bool   // takes no more commands
	member  string
	last    uint64 // revision of the last event or state
	shown   bool   // has been shown a state
	applied uint64 // highest id of a command that was acknowledged
	pad     padFold

	again map[uint64]string // outcome of each command that may be answered more than once

	run     []uint32 // sums of events since first, not noted yet
	first   uint64
	present chan int // first count of members of a link, where somebody waits for it
	heard   bool     // of who is here, since the last welcome
	roster  map[string]bool

	ticket *ticket // of the goroutine that runs it
}

// sent is a command or query without an answer.
type sent struct {
	id    uint64
	order order
	frame []byte
	query bool
	name  string // of a query
	floor uint64 // of a query, when it was asked
}

// newSession makes a connection, which starts with run.
func (w *world) newSession(p *place, m manner) *session {
	n := w.numbers.Add(1)
	s := &session{world: w, place: p, manner: m, number: n, rng: w.random(uint64(n)), quit: make(chan struct{}), again: make(map[uint64]string), roster: make(map[string]bool)}
	s.conn = "soak-" + token(n, w.config.Seed) + "-connection"
	s.sub = "sub-" + string(rune('a'+n%16))
	return s
}

// start runs the session until end is called.
func (s *session) start(ctx context.Context) {
	s.clients.Go(func() { s.live(ctx) })
}

// end makes the session go, with a word or without.
func (s *session) end(leave bool) {
	s.once.Do(func() {
		s.mu.Lock()
		s.gone = true
		sock := s.socket
		s.socket = nil
		s.mu.Unlock()
		if s.driver != nil {
			s.driver.End(leave)
		}
		s.polite = leave && sock != nil && sock.say([]byte(`{"type":"leave"}`)) == nil
		close(s.quit)
	})
}

// live brings link after link.
func (s *session) live(ctx context.Context) {
	defer s.conclude()
	defer s.end(false)
	var over <-chan time.Time
	if s.manner.stays > 0 {
		timer := time.NewTimer(s.manner.stays)
		defer timer.Stop()
		over = timer.C
		s.clients.Go(func() { // ends with the session
			select {
			case <-over:
				s.counts.left.Add(1)
				s.end(s.number%2 == 0)
			case <-s.stopping: // who is here stays until the end
			case <-s.quit:
			}
		})
	}
	for s.ready(ctx) {
		generation, _ := s.gate.state()
		floor := s.place.floor.Load()
		sock, err := s.dial(ctx)
		if err != nil {
			s.pause(20*time.Millisecond + time.Duration(s.rng.Int64N(int64(80*time.Millisecond))))
			continue
		}
		s.counts.links.Add(1)
		sock.generation = generation
		after := s.follow(ctx, sock, floor)
		s.mu.Lock()
		s.socket = nil
		s.mu.Unlock()
		s.pause(after)
		if s.manner.away > 0 {
			s.stayAway()
		}
	}
}

// stayAway waits for longer than a cursor is good for, sometimes.
func (s *session) stayAway() {
	select {
	case <-s.quit:
	case <-s.stopping:
	case <-time.After(time.Duration(s.rng.ExpFloat64() * float64(s.manner.away))):
	}
}

// ready waits until the node serves. It returns false when the session is over.
func (s *session) ready(ctx context.Context) bool {
	_, open := s.gate.state()
	select {
	case <-open:
	default:
		select {
		case <-open:
			if s.number%16 != 0 { // a crowd does not come in one moment
				s.pause(time.Duration(s.rng.Int64N(int64(200 * time.Millisecond))))
			}
		case <-s.quit:
		case <-ctx.Done():
		}
	}
	select {
	case <-s.quit:
		return false
	case <-ctx.Done():
		return false
	default:
		return true
	}
}

// pause waits, unless the session ends.
func (s *session) pause(d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-s.quit:
	case <-time.After(d):
	}
}

func (s *session) dial(ctx context.Context) (*socket, error) {
	t, err := s.config.Token(s.sub)
	if err != nil {
		return nil, err
	}
	// A request that was given up, and comes late, replaces none that came after it.
	query := url.Values{"conn": {s.conn}, "attempt": {strconv.FormatInt(time.Now().UnixMicro(), 10)}}
	if !s.manner.watch {
		query.Set("watch", "0")
	}
	if s.manner.presence {
		query.Set("presence", "1")
	}
	s.mu.Lock()
	if s.shown {
		s.place.mu.Lock()
		query.Set("cursor", wire.Cursor{Epoch: s.place.epoch, Revision: s.last}.String())
		s.place.mu.Unlock()
	}
	s.mu.Unlock()
	slow := s.manner.slow
	select {
	case <-s.stopping:
		slow = false
	default:
	}
	sock := &socket{slow: slow}
	base := s.base()
	switch s.transport() {
	case ServerSentEvents:
		s.counts.streams.Add(1)
		sock.way, err = s.dialEvents(ctx, base, t, query)
	case LongPoll:
		sock.way, err = s.dialPolls(ctx, base, t, query)
	default:
		address := "ws" + strings.TrimPrefix(base, "http") + "/v1/" + s.place.category + "/" + url.PathEscape(s.place.id) + "?" + query.Encode()
		sock.way, err = dialWebSocket(ctx, address, t, slow)
	}
	return sock, err
}

// base returns the URL of the node, or of somebody on the way to it.
func (s *session) base() string {
	if n := len(s.relays); n > 0 && s.rng.IntN(8) > 0 {
		return s.relays[s.rng.IntN(n)]
	}
	return s.config.URL
}

// transport says what the next link is.
func (s *session) transport() Transport {
	if n := len(s.config.Transports); n > 0 && !s.manner.slow {
		return s.config.Transports[s.rng.IntN(n)]
	}
	return WebSocket
}

// silence is how long a node may say nothing at all: it pings every 25 s.
const silence = 80 * time.Second

// follow reads a link until it ends, and returns how long to wait before the next one.
func (s *session) follow(ctx context.Context, sock *socket, floor uint64) (after time.Duration) {
	keep := false
	defer func() {
		if !keep {
			sock.close()
		}
		s.note()
	}()
	drop := time.Now().Add(24 * time.Hour)
	if s.manner.drops > 0 {
		drop = time.Now().Add(time.Duration(s.rng.ExpFloat64() * float64(s.manner.drops)))
	}
	l := &linkState{socket: sock, floor: floor}
	stop := make(chan struct{})
	defer close(stop)
	s.clients.Go(func() { // wakes the reader when the session ends, or the run
		hurry := s.stopping
		if !sock.slow {
			hurry = nil
		}
		select {
		case <-s.quit:
		case <-ctx.Done():
			sock.close()
			return
		case <-hurry:
			sock.close() // the next link has buffers as others have them
			return
		case <-stop:
			return
		}
		if s.polite { // the node closes; whoever closes first with something unread may take back what was said
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Second):
			}
		}
		sock.close()
	})
	for {
		if s.manner.slow && oneIn(s.rng, 200) {
			s.doze()
		}
		limit := time.Now().Add(silence)
		if drop.Before(limit) {
			limit = drop
		}
		if err := sock.until(limit); err != nil {
			return 0
		}
		message, err := sock.read()
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				if time.Now().Before(drop) {
					s.fail(s.place, s.last, "the node pings every 25 s", "nothing for "+silence.String())
					return 0
				}
				keep = s.part(sock)
			} else {
				s.counts.ended.Add(1)
			}
			return l.after
		}
		if err := s.take(l, message); err != nil {
			return l.after
		}
	}
}

// part gives a link up: by closing it, or by coming with another one while it is open.
func (s *session) part(sock *socket) (keep bool) {
	s.counts.dropped.Add(1)
	if _, socket := sock.way.(*webSocket); !socket || !oneIn(s.rng, 4) {
		return false
	}
	s.mu.Lock()
	s.socket = nil
	s.mu.Unlock()
	s.clients.Go(func() { // ends with the link, soon
		defer sock.close()
		_ = sock.until(time.Now().Add(10 * time.Second)) // a closed one cannot be read either
		for {
			message, err := sock.read()
			if err != nil {
				return
			}
			if strings.Contains(string(message), `"code":"replaced"`) {
				s.counts.replaced.Add(1)
				return
			}
		}
	})
	return true
}

// doze stops reading for a while, mostly short.
func (s *session) doze() {
	select {
	case <-s.stopping:
		return // it catches up
	default:
	}
	s.counts.slow.Add(1)
	d := time.Duration(s.rng.ExpFloat64() * float64(time.Second))
	if oneIn(s.rng, 10) {
		d += 12 * time.Second
	}
	select {
	case <-s.quit:
	case <-s.stopping:
	case <-time.After(min(d, 30*time.Second)):
	}
}

// conclude notes what had no answer when the session ended.
func (s *session) conclude() {
	s.note()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
	for i := range s.waiting {
		if q := &s.waiting[i]; !q.query {
			s.counts.unknown.Add(1)
			s.place.notes.answer(answer{conn: s.number, id: q.id, fact: factSum(q.order.event, q.order.fact), outcome: unknown})
		}
	}
	s.waiting = nil
}
