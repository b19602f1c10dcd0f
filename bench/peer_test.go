package bench

// In the package, for what a text's number and a schedule are.

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// stage is a server of its own make for peers' tests: /sub gets what /pub sends, /echo and /add answer.
type stage struct {
	t       *testing.T
	forward func(to int, text []byte) bool // whether subscriber to gets it
	value   func(n uint64) uint64          // what a counter that holds n says

	mu          sync.Mutex
	subscribers []net.Conn
	counters    map[string]uint64
}

// newStage starts the server, which ends with the test, and returns it as a peer.
func newStage(t *testing.T) (*stage, *Peer) {
	t.Helper()
	s := &stage{
		t: t, counters: make(map[string]uint64),
		forward: func(int, []byte) bool { return true },
		value:   func(n uint64) uint64 { return n },
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait() // the loads have closed their links
	})
	same := func(dst []byte, _ uint64, text []byte) []byte { return append(dst, text...) }
	return s, &Peer{
		URL:     "ws://" + l.Addr().String(),
		Path:    func(role Role, object string, _ int) string { return "/" + string(role) + "/" + object },
		Publish: same, Echo: same,
		Add: func(dst []byte, id uint64) []byte { return fmt.Appendf(dst, `{"id":%d}`, id) },
	}
}

func (s *stage) serve(c net.Conn) {
	defer c.Close()
	var path string
	upgrader := ws.Upgrader{OnRequest: func(uri []byte) error { path = string(uri); return nil }}
	if _, err := upgrader.Upgrade(c); err != nil {
		return
	}
	role := Role(strings.Split(path, "/")[1])
	if role == RoleSubscribe {
		s.mu.Lock()
		s.subscribers = append(s.subscribers, c)
		s.mu.Unlock()
	}
	for {
		message, err := wsutil.ReadClientText(c)
		if err != nil {
			return // the load is over
		}
		switch role {
		case RolePublish:
			s.publish(message)
		case RoleEcho:
			_ = wsutil.WriteServerText(c, message) // as above
		case RoleAdd:
			id, _ := field(message, idField)
			_ = wsutil.WriteServerText(c, fmt.Appendf(nil, `{"id":%d,"n":%d}`, id, s.add(path)))
		}
	}
}

func (s *stage) publish(text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range s.subscribers {
		if s.forward(i, text) {
			_ = wsutil.WriteServerText(c, text) // the load may be over
		}
	}
}

func (s *stage) add(object string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counters[object]++
	return s.value(s.counters[object])
}

func shortLoad(p *Peer) PeerLoad {
	return PeerLoad{Peer: p, Warmup: 50 * time.Millisecond, For: 300 * time.Millisecond}
}

func TestPeerFanout(t *testing.T) {
	_, p := newStage(t)
	res, err := PeerFanout{PeerLoad: shortLoad(p), Links: 3, Rate: 100}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if res.Done == 0 || res.Skipped != 0 || res.Latency.Count < int64(res.Done) {
		t.Errorf("done %d, skipped %d, %d latencies; want all", res.Done, res.Skipped, res.Latency.Count)
	}
}

// TestPeerFanoutNoticesWhatIsDropped: a server that leaves texts out gets no credit for them.
func TestPeerFanoutNoticesWhatIsDropped(t *testing.T) {
	s, p := newStage(t)
	s.forward = func(to int, text []byte) bool {
		n, _ := textNumber(text)
		return to != 1 || n%2 == 0
	}
	res, err := PeerFanout{PeerLoad: shortLoad(p), Links: 2, Rate: 200}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if res.Skipped == 0 {
		t.Error("a subscriber that got every other text skipped none")
	}
}

// TestPeerFanoutCountsWhatIsLate: what never came is not left out of the latencies.
func TestPeerFanoutCountsWhatIsLate(t *testing.T) {
	s, p := newStage(t)
	s.forward = func(int, []byte) bool { return false }
	res, err := PeerFanout{PeerLoad: shortLoad(p), Links: 2, Rate: 100}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if res.Done != 0 || res.Share != 0 || res.Overdue < res.Wanted || res.Latency.Max < (200*time.Millisecond).Microseconds() {
		t.Errorf("done %d (%g), overdue %d of %d, max %d µs; want none, all overdue and old", res.Done, res.Share, res.Overdue, res.Wanted, res.Latency.Max)
	}
}

func TestPeerFanoutRefusesRepetitions(t *testing.T) {
	s, p := newStage(t)
	s.forward = func(_ int, text []byte) bool {
		copy(text, appendText(nil, 5)) // every text is the same one
		return true
	}
	if _, err := (PeerFanout{PeerLoad: shortLoad(p), Links: 1, Rate: 200}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "text 5 came after text 5") {
		t.Errorf("Run = %v, want an error", err)
	}
}

func TestPeerEcho(t *testing.T) {
	_, p := newStage(t)
	res, err := PeerEcho{PeerLoad: shortLoad(p), Links: 4, Rate: 50}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if res.Done == 0 || res.Wanted == 0 || res.Latency.Count < int64(res.Done) {
		t.Errorf("done %d of %d, %d latencies", res.Done, res.Wanted, res.Latency.Count)
	}
}

func TestPeerAdd(t *testing.T) {
	s, p := newStage(t)
	a := PeerAdd{PeerLoad: shortLoad(p), Links: 4, Objects: 2, InFlight: 3}
	res, err := a.Run(t.Context())
	if err != nil || res.Done == 0 {
		t.Fatalf("Run = %+v, %v", res, err)
	}
	s.mu.Lock()
	clear(s.counters)
	s.value = func(n uint64) uint64 { return n - min(n, 1) } // one increment is lost
	s.mu.Unlock()
	if _, err := a.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "verify counter") {
		t.Errorf("Run = %v, want an error about a counter", err)
	}
}

// TestPeerEndsWhenAsked: an interrupt ends a load at once, as an error.
func TestPeerEndsWhenAsked(t *testing.T) {
	_, p := newStage(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	l := PeerLoad{Peer: p, Warmup: time.Minute, For: time.Minute}
	if res, err := (PeerFanout{PeerLoad: l, Links: 1, Rate: 10}).Run(ctx); err == nil {
		t.Errorf("Run = %+v, want an error", res)
	}
}

func TestSchedule(t *testing.T) {
	s := schedule{begin: 100, interval: 10}
	for then, want := range map[int64]uint64{0: 0, 100: 0, 101: 1, 110: 1, 111: 2, 200: 10} {
		if got := s.until(then); got != want {
			t.Errorf("until(%d) = %d, want %d", then, got, want)
		}
		if want > 0 && (s.due(want-1) >= then || s.due(want) < then) {
			t.Errorf("until(%d) = %d, but %d and %d are due at %d and %d", then, want, want-1, want, s.due(want-1), s.due(want))
		}
	}
}

func TestText(t *testing.T) {
	text := appendText(nil, 123_456_789)
	if len(text) != TextBytes {
		t.Fatalf("a text has %d bytes, want %d", len(text), TextBytes)
	}
	for frame, ok := range map[string]bool{
		string(text):                           true,
		`42["message","` + string(text) + `"]`: true,
		string(text[:TextBytes-1]):             false,
		`{"type":"ack"}`:                       false,
		"#" + strings.Repeat("x", TextBytes):   false,
	} {
		if n, got := textNumber([]byte(frame)); got != ok || ok && n != 123_456_789 {
			t.Errorf("textNumber(%s) = %d, %t, want %t", frame, n, got, ok)
		}
	}
	for frame, ok := range map[string]bool{`{"id":17,"n":3}`: true, `4317[{"id":17,"n":3}]`: true, `{"type":"ack","id":17,"rev":5,"reply":{"n":3}}`: true, `{"id":17}`: false} {
		if id, n, got := added([]byte(frame)); got != ok || ok && (id != 17 || n != 3) {
			t.Errorf("added(%s) = %d, %d, %t, want 17, 3, %t", frame, id, n, got, ok)
		}
	}
}
