package soak

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// client returns a viewer of counter/1, as linked as it can be without a node.
func client(t *testing.T, m manner) (*session, *linkState) {
	t.Helper()
	w := &world{config: &Config{For: time.Minute}, failures: &Failures{}, stopping: make(chan struct{})}
	p := &place{category: "counter", id: "1", notes: open(t, t.TempDir(), "counter/1")}
	t.Cleanup(func() { p.notes.close() })
	return w.newSession(p, m), &linkState{socket: &socket{}}
}

const (
	welcome  = `{"type":"welcome","member":"m","epoch":"e","rev":3,"resumed":false,"acked":0,"known":true,"state":{"n":1},"heartbeat":1}`
	resumed  = `{"type":"welcome","member":"m","epoch":"e","rev":4,"resumed":true,"acked":0,"known":true,"heartbeat":1}`
	fourth   = `{"type":"event","rev":4,"name":"added","data":{"by":1},"at":1}`
	fifth    = `{"type":"event","rev":5,"name":"added","data":{"by":1},"at":1}`
	ackFour  = `{"type":"ack","id":1,"rev":4}`
	ackFive  = `{"type":"ack","id":2,"rev":4}`
	send     = "the client sends"
	know     = "others are told of revision 4"
	answered = `{"type":"answer","id":3,"rev":3,"data":{"n":1}}`
)

// ordered puts two commands and a query of the session on their way.
func ordered(s *session) {
	o := newOrder("add", by{1}, "added", by{1})
	s.ids = 3
	s.waiting = []sent{{id: 1, order: o}, {id: 2, order: o}, {id: 3, query: true, floor: s.place.floor.Load()}}
}

// TestSessionNotices: what a client is told is checked as it comes.
func TestSessionNotices(t *testing.T) {
	type step = func(s *session, l *linkState)
	floor := func(s *session, l *linkState) { l.floor = 4 }
	for name, test := range map[string]struct {
		before step
		frames []string
		want   string
	}{
		"all right":                {nil, []string{welcome, fourth, fifth}, ""},
		"a resumed link":           {nil, []string{welcome, fourth, "", resumed, fifth}, ""},
		"answers":                  {nil, []string{welcome, send, fourth, ackFour, ackFive, answered}, ""},
		"a gap":                    {nil, []string{welcome, fifth}, "no event is missing"},
		"a repetition":             {nil, []string{welcome, fourth, fourth}, "an event comes once"},
		"an event first":           {nil, []string{fourth}, "the first frame is a welcome"},
		"a frame that is none":     {nil, []string{welcome, `{"type":`}, "can be decoded"},
		"an old state":             {floor, []string{welcome}, "not older than what was told before: 4"},
		"resumed elsewhere":        {nil, []string{welcome, "", resumed}, "resumed from where it was: 3"},
		"another member":           {nil, []string{welcome, fourth, "", strings.Replace(resumed, `"m"`, `"x"`, 1)}, "stays the same member"},
		"another epoch":            {nil, []string{welcome, fourth, "", strings.Replace(resumed, `"e"`, `"x"`, 1)}, "epoch"},
		"a forgotten connection":   {nil, []string{strings.Replace(welcome, `"known":true`, `"known":false`, 1)}, "is remembered"},
		"a command of nobody":      {nil, []string{strings.Replace(welcome, `"acked":0`, `"acked":1`, 1)}, "which has sent 0"},
		"no state":                 {nil, []string{strings.Replace(welcome, `"state":{"n":1},`, ``, 1)}, "a state comes to those who watch"},
		"an answer to nothing":     {nil, []string{welcome, ackFour}, "is answered, once"},
		"an answer twice":          {nil, []string{welcome, send, fourth, ackFour, ackFour}, "is answered, once"},
		"an answer out of order":   {nil, []string{welcome, send, fourth, ackFive, ackFour}, "in the order of commands"},
		"an ack before its event":  {nil, []string{welcome, send, ackFour}, "come before its acknowledgement"},
		"a rejection":              {nil, []string{welcome, send, `{"type":"reject","id":1,"code":"unavailable","message":""}`}, "is not rejected so"},
		"an old answer":            {nil, []string{welcome, know, send, fourth, ackFour, ackFive, answered}, "not older than what was told before the query: 4"},
		"an answer to a command":   {nil, []string{welcome, send, strings.Replace(answered, `"id":3`, `"id":1`, 1)}, "acknowledged or rejected"},
		"an end for good":          {nil, []string{welcome, `{"type":"terminate","code":"gone","message":"","reconnect":false}`}, "no link is ended for good"},
		"a query that is rejected": {nil, []string{welcome, send, `{"type":"reject","id":3,"code":"internal","message":""}`}, "this query is not rejected so"},
	} {
		t.Run(name, func(t *testing.T) {
			s, l := client(t, manner{watch: true})
			if test.before != nil {
				test.before(s, l)
			}
			for _, frame := range test.frames {
				switch frame {
				case "":
					*l = linkState{socket: &socket{}}
				case send:
					ordered(s)
				case know:
					s.place.reveal(4)
				default:
					_ = s.take(l, []byte(frame)) // ends the link or not
				}
			}
			n, failures := s.failures.All()
			if test.want == "" && n > 0 || test.want != "" && (n == 0 || !strings.Contains(fmt.Sprint(failures), test.want)) {
				t.Errorf("failures %v, want %q", failures, test.want)
			}
		})
	}
}

func TestSenderGetsNoEvents(t *testing.T) {
	s, l := client(t, manner{})
	_ = s.take(l, []byte(strings.Replace(welcome, `"state":{"n":1},`, ``, 1)+"\n"+fourth))
	if n, failures := s.failures.All(); n != 1 || failures[0].Broken != "who only sends gets no events" {
		t.Errorf("failures %v, want one about the event", failures)
	}
}

// TestOrdersFit: what is foretold of a command is what the fold takes.
func TestOrdersFit(t *testing.T) {
	for _, share := range shares {
		t.Run(share.category, func(t *testing.T) {
			s, _ := client(t, manner{watch: true})
			s.place.category, s.place.peers = share.category, []string{"1", "2"}
			f, err := newFold(share.category, "1", nil)
			if err != nil {
				t.Fatal(err)
			}
			r := s.random(1)
			for id := range uint64(500) {
				o := share.make(s, r, id+1)
				if !o.valid {
					continue
				}
				if len(wire.AppendClientFrame(nil, wire.ClientFrame{Type: wire.TypeCommand, Name: o.name, Data: o.data})) > 1000 {
					t.Errorf("command %d is long: %s", id+1, o.data)
				}
				e := fact{name: o.event, data: o.fact, commanded: true}
				if err := f.apply(&e); err != nil {
					t.Fatalf("%s: %v", o.fact, err)
				}
				if share.category == "pad" {
					if err := s.pad.apply(&e); err != nil {
						t.Fatal(err)
					}
				}
				if a, ok := f.(*accountFold); ok { // the money comes back
					a.Balance += 1000
				}
			}
			if view, err := f.view(); err != nil || len(view) < 5 {
				t.Errorf("view = %s, %v", view, err)
			}
		})
	}
}
