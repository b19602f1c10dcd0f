package edge_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

const partitions = 16

// owner plays the owners of all entities: it answers the envelopes of edges as a state node would,
// with events that live in memory and states made of them. It answers in order, on a goroutine of
// its own.
type owner struct {
	bus bus.Bus

	mu       sync.Mutex
	entities map[string]*entity
	queue    []*wire.Envelope // from edges
	got      []*wire.Envelope // everything from edges, for tests to look at
	wake     chan struct{}
	silent   map[wire.Kind]bool // kinds that are not answered
	state    []byte             // of welcomes; nil: {"n":<revision>}
	tooFar   bool               // backlogs are refused
	epoch    string             // of all entities
	acked    uint64             // in welcomes
	number   uint64             // in welcomes
	muted    bool               // what it sends is lost
	ledger   bool               // a command is carried out once, and a link that is not attached is told so
}

type entity struct {
	category, id string
	events       []*wire.Envelope
	links        map[string]*attached // by edge and link
	subs         map[string]string    // conn → sub
	done         map[string]uint64    // revisions of what was carried out, by conn and command
	since        map[string]uint64    // from where on each edge and audience was sent everything
}

type attached struct {
	edge     string
	link     uint64
	number   uint64
	conn     string
	member   string
	audience string
	watch    bool
	presence bool
	sender   bool
}

// cleaner is a *testing.T or *rapid.T.
type cleaner interface {
	Fatal(...any)
	Cleanup(func())
}

func newOwner(t cleaner, b bus.Bus) *owner {
	o := &owner{bus: b, epoch: "e1", entities: map[string]*entity{}, wake: make(chan struct{}, 1), silent: map[wire.Kind]bool{}}
	for p := range partitions {
		stop, err := b.Listen(bus.Owner("default", p), o.take)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
	}
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-done:
				return
			case <-o.wake:
			}
			for o.step() {
			}
		}
	}()
	t.Cleanup(func() { close(done); <-stopped })
	return o
}

func (o *owner) take(e *wire.Envelope) {
	o.mu.Lock()
	o.queue = append(o.queue, e)
	o.got = append(o.got, e)
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// received returns the envelopes of that kind that came so far.
func (o *owner) received(k wire.Kind) []*wire.Envelope {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []*wire.Envelope
	for _, e := range o.got {
		if e.Kind == k {
			all = append(all, e)
		}
	}
	return all
}

func (o *owner) step() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) == 0 {
		return false
	}
	e := o.queue[0]
	o.queue = o.queue[1:]
	o.count(e)
	if !o.silent[e.Kind] {
		o.handle(e)
	}
	return true
}

func (o *owner) entity(category, id string) *entity {
	k := category + "/" + id
	n := o.entities[k]
	if n == nil {
		n = &entity{
			category: category, id: id, links: map[string]*attached{}, subs: map[string]string{},
			done: map[string]uint64{}, since: map[string]uint64{},
		}
		o.entities[k] = n
	}
	return n
}

func (o *owner) send(n *entity, edge string, e *wire.Envelope) {
	if e.Category, e.ID = n.category, n.id; o.muted {
		return
	}
	_ = o.bus.Send("default", bus.Edge(edge), e)
}

// count wants the envelopes of a link in the order of their numbers.
func (o *owner) count(e *wire.Envelope) {
	a := o.entity(e.Category, e.ID).links[fmt.Sprintf("%s/%d", e.Edge, e.Link)]
	if a == nil {
		return
	}
	if e.Kind == wire.KindDetach {
		return // of whatever number
	}
	if e.Number != a.number+1 {
		panic(fmt.Sprintf("link %d: number %d after %d", e.Link, e.Number, a.number))
	}
	a.number = e.Number
}

func (o *owner) handle(e *wire.Envelope) {
	n := o.entity(e.Category, e.ID)
	key := fmt.Sprintf("%s/%d", e.Edge, e.Link)
	a := n.links[key]
	if e.Kind == wire.KindAttach {
		o.attach(n, key, e)
		return
	}
	if a == nil {
		o.stranger(n, e)
		return
	}
	reply := &wire.Envelope{Link: e.Link, Command: e.Command, Revision: uint64(len(n.events))}
	switch e.Kind {
	case wire.KindDetach:
		delete(n.links, key)
		return
	case wire.KindCommand:
		if e.Name == "bad" {
			reply.Kind, reply.Code, reply.Message = wire.KindReject, "invalid", "no"
			break
		}
		o.carryOut(n, a, e)
		reply.Kind, reply.Revision = wire.KindAck, n.done[commandOf(e)]
	case wire.KindQuery:
		reply.Kind, reply.Data = wire.KindAnswer, e.Data
	case wire.KindSignal:
		o.all(n, func() *wire.Envelope {
			return &wire.Envelope{Kind: wire.KindMessage, Name: e.Name, Data: e.Data, Member: a.member, Except: a.member}
		})
		return
	case wire.KindPing:
		reply.Kind, reply.Data, reply.Spent = wire.KindPong, e.Data, 7
	case wire.KindRefresh:
		reply = o.welcome(n, a)
		reply.Flags |= wire.Refresh
	case wire.KindBacklog:
		if o.tooFar {
			reply.Kind, reply.Flags = wire.KindBacklogPart, wire.TooFar
			break
		}
		o.backlog(n, a, e)
		return
	default:
		return
	}
	o.beside(n, a, reply)
	o.send(n, e.Edge, reply)
}

func (o *owner) attach(n *entity, key string, e *wire.Envelope) {
	var claims tutti.Claims
	if err := json.Unmarshal(e.Claims, &claims); err != nil {
		panic(err)
	}
	if sub, ok := n.subs[e.Conn]; ok && sub != claims.Subject {
		o.send(n, e.Edge, &wire.Envelope{
			Kind: wire.KindTerminate, Link: e.Link, Code: wire.EndRefused, Flags: wire.Foreign, Message: "foreign",
		})
		return
	}
	if claims.Subject == "refused" {
		o.send(n, e.Edge, &wire.Envelope{
			Kind: wire.KindTerminate, Link: e.Link, Code: "members_only", Flags: wire.Refused, Message: "no",
		})
		return
	}
	member := ""
	if !e.Has(wire.Observer) {
		n.subs[e.Conn] = claims.Subject
		member = "m-" + e.Conn[:8]
	}
	for k, old := range n.links {
		if old.conn == e.Conn && member != "" && old.sender == e.Has(wire.Sender) {
			o.send(n, old.edge, &wire.Envelope{Kind: wire.KindTerminate, Link: old.link, Code: wire.EndReplaced})
			delete(n.links, k)
		}
	}
	a := &attached{
		edge: e.Edge, link: e.Link, number: e.Number, conn: e.Conn, member: member,
		audience: claims.String("audience"), watch: e.Has(wire.Watch), presence: e.Has(wire.Presence), sender: e.Has(wire.Sender),
	}
	n.links[key] = a
	if e.Has(wire.Reattach) {
		a.audience = e.Audience
	}
	o.fill(n, a, e)
	w := o.welcome(n, a)
	w.Flags |= e.Flags & wire.Reattach
	if e.Has(wire.HasCursor) && e.Epoch == o.epoch && e.Revision <= uint64(len(n.events)) {
		w.Flags |= wire.Resumed
		w.Data = nil
		w.Revision = e.Revision
	}
	o.send(n, e.Edge, w)
	if a.presence && !w.Has(wire.Reattach|wire.Resumed) {
		o.send(n, e.Edge, &wire.Envelope{Kind: wire.KindPresenceChange, Link: a.link, Data: []byte(`{"count":1}`)})
	}
}

func (o *owner) welcome(n *entity, a *attached) *wire.Envelope {
	at := uint64(len(n.events))
	w := &wire.Envelope{
		Kind: wire.KindWelcome, Flags: wire.Known, Link: a.link, Member: a.member, Audience: a.audience,
		Epoch: o.epoch, Revision: at, Until: at, Acked: o.acked, Number: o.number,
	}
	if a.watch {
		if w.Data = o.state; w.Data == nil {
			w.Data = fmt.Appendf(nil, `{"n":%d}`, at)
		}
	}
	return w
}

// backlog sends the events in two parts.
func (o *owner) backlog(n *entity, a *attached, e *wire.Envelope) {
	half := (e.Revision + e.Until + 1) / 2
	for _, span := range [][2]uint64{{e.Revision, half}, {half, e.Until}} {
		part := &wire.Envelope{Kind: wire.KindBacklogPart, Link: a.link, Revision: span[1], Command: e.Command}
		for _, event := range n.events[span[0]:span[1]] {
			part.Data = wire.AppendBacklogEvent(part.Data, event)
		}
		if span[1] != e.Until {
			part.Flags |= wire.More
		}
		o.send(n, a.edge, part)
		if half == e.Until {
			break
		}
	}
}

func (o *owner) emit(n *entity, name string, data []byte, member string, command uint64) {
	rev := uint64(len(n.events)) + 1
	n.events = append(n.events, &wire.Envelope{
		Kind: wire.KindEvent, Revision: rev, Name: name, Data: data, At: 1700000000000, Member: member, Command: command,
	})
	seen := map[string]bool{}
	for _, a := range n.links {
		if k := a.edge + "/" + a.audience; a.watch && !seen[k] {
			seen[k] = true
			event := *n.events[rev-1]
			event.Audience = a.audience
			o.send(n, a.edge, &event)
		}
	}
}

// all sends to every edge that has links.
func (o *owner) all(n *entity, e func() *wire.Envelope) {
	seen := map[string]bool{}
	for _, a := range n.links {
		if !seen[a.edge] {
			seen[a.edge] = true
			o.send(n, a.edge, e())
		}
	}
}

// publish has the entity emit count events of that data, from outside any link.
func (o *owner) publish(category, id string, count int, data string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.entity(category, id)
	for range count {
		o.emit(n, "said", []byte(data), "", 0)
	}
}

// tell sends e to the entity's edges, or to one link's with e.Link.
func (o *owner) tell(category, id string, e wire.Envelope) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all(o.entity(category, id), func() *wire.Envelope { c := e; return &c })
}

// regroup puts the connection into another audience, with a fresh welcome.
func (o *owner) regroup(category, id, conn, audience string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.entity(category, id)
	for _, a := range n.links {
		if a.conn == conn {
			a.audience = audience
			o.send(n, a.edge, o.welcome(n, a))
		}
	}
}

// linkOf returns the number of the connection's link.
func (o *owner) linkOf(conn string) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, n := range o.entities {
		for _, a := range n.links {
			if strings.HasPrefix(a.conn, conn) {
				return a.link
			}
		}
	}
	return 0
}

// silence has the owner not answer envelopes of that kind.
func (o *owner) silence(k wire.Kind) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.silent[k] = true
}
