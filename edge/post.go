package edge

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

const mediaLines = "application/x-ndjson"

// postLink marks the numbers of links that are posts.
const postLink = 1 << 63

// post is frames that a connection sends beside its stream: for the owner a link that lasts until they are answered.
type post struct {
	edge   *Edge
	lane   string
	owner  bus.Address
	number uint64 // of the attachment; changed with posts.mu held
	sent   uint64 // number of the last envelope
	tried  bool   // it was attached under that number

	mu       sync.Mutex
	owed     int // answers that have not come, with the welcome
	welcomed bool
	frames   []posted
	answers  []byte // frames, one a line
	over     *problem
	done     chan struct{} // closed when nothing is owed, or over is set
	lost     chan struct{} // holds a token when the owner has ended
}

// posted is one of the frames.
type posted struct {
	env      *wire.Envelope
	answered bool // or is not sent again
	taken    int  // how many sendings of it an owner may have
}

// posts are those under way. Each is a question, so that there are no more than those.
type posts struct {
	mu   sync.Mutex
	last uint64
	by   map[uint64]*post
}

// begin makes a post of frames.
func (e *Edge) begin(q *question, f *frames) *post {
	p := &post{
		edge: e, lane: q.category.Lane, owner: bus.Owner(q.category.Pool, wire.Partition(q.category.Name, q.id, e.partitions)),
		owed: f.answers + 1, frames: make([]posted, len(f.envelopes)), done: make(chan struct{}), lost: make(chan struct{}, 1),
	}
	for i, env := range f.envelopes {
		p.frames[i].env = env
	}
	p.renumber()
	return p
}

// renumber gives the post a number that none has had.
func (p *post) renumber() {
	s := &p.edge.posts
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = make(map[uint64]*post)
	}
	delete(s.by, p.number)
	s.last++
	p.number = postLink | s.last
	s.by[p.number] = p
}

// forget gives back what the post holds.
func (p *post) forget() {
	p.edge.posts.mu.Lock()
	delete(p.edge.posts.by, p.number)
	p.edge.posts.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.edge.count.private.Add(-int64(len(p.answers)))
	p.answers = nil
	p.end(late())
}

func (s *posts) take(env *wire.Envelope) {
	s.mu.Lock()
	p := s.by[env.Link]
	s.mu.Unlock()
	if p != nil {
		p.take(env)
	}
}

// take takes what the owner says to the post. What is not an answer is for the connection's stream.
func (p *post) take(env *wire.Envelope) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := wire.FrameOptions{}
	switch env.Kind {
	case wire.KindWelcome:
		if !p.welcomed {
			p.welcomed = true
			p.settle()
		}
		return
	case wire.KindTerminate:
		if p.edge.recovery != nil && env.Has(wire.Reattach) {
			select {
			case p.lost <- struct{}{}:
			default: // it is known
			}
			return
		}
		p.end(ended(env))
		return
	case wire.KindAck:
		o.Hops = p.edge.completeHops(env)
	case wire.KindPong:
		o = p.edge.pong(env)
	case wire.KindReject, wire.KindAnswer:
		if env.Has(wire.Reattach) && p.edge.recovery != nil && p.untaken(env.Command) {
			return
		}
	default:
		return
	}
	if p.over != nil || !p.answered(env) {
		return
	}
	before := len(p.answers)
	if m := &p.edge.memory; before > m.LinkPrivate || before > 0 && p.edge.count.private.Load() > m.Private {
		p.end(refuse(http.StatusServiceUnavailable, "the answers are too large: ask for less at once").coded(wire.CodeOverloaded).retry(time.Second))
		return
	}
	p.answers = append(wire.AppendFrame(p.answers, env, o), '\n')
	p.edge.count.private.Add(int64(len(p.answers) - before))
	p.settle()
}

// answered notes which frame env answers, and reports false where all those have been answered. mu is held.
func (p *post) answered(env *wire.Envelope) bool {
	for i := range p.frames {
		f := &p.frames[i]
		if !f.answered && f.env.Command == env.Command && (f.env.Kind == wire.KindPing) == (env.Kind == wire.KindPong) {
			switch f.env.Kind {
			case wire.KindCommand, wire.KindQuery, wire.KindPing:
				f.answered = true
				return true
			}
		}
	}
	return false
}

// untaken notes that one sending of a frame was in vain, and reports whether that is no answer: another sending of a command, or an
// earlier request, may have come through. mu is held.
func (p *post) untaken(id uint64) bool {
	for i := range p.frames {
		if f := &p.frames[i]; f.env.Kind == wire.KindCommand && f.env.Command == id {
			f.taken = max(f.taken-1, 0)
			return true
		}
	}
	return false
}

// settle notes that an answer has come. mu is held.
func (p *post) settle() {
	if p.owed--; p.owed == 0 && p.over == nil {
		close(p.done)
	}
}

// end gives up what has not been answered. Only the first time counts. mu is held.
func (p *post) end(why *problem) {
	if p.over == nil && p.owed > 0 {
		p.over = why
		close(p.done)
	}
}

// ended is the problem of a post that its entity has ended.
func ended(env *wire.Envelope) *problem {
	switch {
	case env.Code == wire.EndReplaced:
		return refuse(http.StatusConflict, "another post of this connection has come").coded(env.Code)
	case env.Has(wire.Foreign):
		return refuse(http.StatusForbidden, "the connection belongs to another subject").coded(wire.CodeForbidden)
	case env.Code == wire.EndBadFrame:
		return refuse(http.StatusBadRequest, env.Message).coded(env.Code)
	case env.Code == wire.CodeOverloaded:
		return refuse(http.StatusServiceUnavailable, env.Message).coded(env.Code).retry(time.Second)
	case env.Has(wire.Reconnect):
		return late()
	}
	return refuse(http.StatusForbidden, env.Message).coded(env.Code)
}

// postFrames has the entity take the frames in the body.
func (q *question) postFrames(ctx context.Context) *problem {
	frames, p := q.readFrames(ctx)
	if p != nil {
		return p
	}
	post := q.edge.begin(q, frames)
	defer post.forget()
	flags := wire.Flags(0)
	if frames.leave {
		flags = wire.Leave
	}
	for _, env := range frames.envelopes {
		if env.Kind != wire.KindClaims {
			q.leaves(env)
		}
	}
	defer func() { post.detach(q, post.number, post.sent+1, flags) }()
	if p := post.ask(ctx, q); p != nil {
		return p
	}
	post.mu.Lock()
	answers, over := post.answers, post.over
	post.mu.Unlock()
	if over != nil {
		return over
	}
	q.w.Header().Set("Cache-Control", "no-store")
	q.reply(mediaLines, answers)
	return nil
}

// frames is what a body asks for.
type frames struct {
	envelopes []*wire.Envelope
	answers   int // that they want
	leave     bool
	auth      bool
}

// readFrames reads the body whole before anything of it is done.
func (q *question) readFrames(ctx context.Context) (*frames, *problem) {
	b, p := q.readBody()
	if p != nil {
		return nil, p
	}
	defer b.free()
	if p := q.stands(); p != nil {
		return nil, p
	}
	out := &frames{}
	number := 0
	for line := range wire.Frames(b.data) {
		number++
		if number > q.edge.limits.Unanswered {
			return nil, refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf(
				"the body has more than %d frames", q.edge.limits.Unanswered)).coded(wire.CodeTooLarge)
		}
		if p := q.frame(ctx, out, line); p != nil {
			p.detail = fmt.Sprintf("frame %d: %s", number, p.detail)
			return nil, p
		}
	}
	if number == 0 {
		return nil, refuse(http.StatusBadRequest, "the body has no frame")
	}
	q.edge.count.framesIn.Add(int64(number))
	return out, q.charge(number, len(b.data))
}

// frame adds a frame to those of a body.
func (q *question) frame(ctx context.Context, to *frames, line []byte) *problem {
	bad := func(why string) *problem { return refuse(http.StatusBadRequest, why) }
	f, err := wire.DecodeClientFrame(line)
	switch {
	case err != nil:
		return bad(err.Error())
	case to.leave:
		return bad("nothing comes after leave")
	}
	env, data, most := &wire.Envelope{Name: f.Name, Command: f.ID}, f.Data, q.edge.limits.CommandData
	switch f.Type {
	case wire.TypeCommand:
		env.Kind = wire.KindCommand
		if f.HasExpect {
			env.Flags, env.Expect = env.Flags|wire.HasExpect, f.Expect
		}
		if f.Trace {
			env.Flags |= wire.Trace
		}
		to.answers++
	case wire.TypeQuery:
		env.Kind = wire.KindQuery
		to.answers++
	case wire.TypeSignal:
		env.Kind = wire.KindSignal
	case wire.TypePresence:
		env.Kind, most = wire.KindPresence, wire.MaxPresenceBytes
	case wire.TypePing:
		env.Kind, most, data = wire.KindPing, wire.MaxPresenceBytes, f.T
		env.Command = uint64(q.edge.now() / 1000)
		to.answers++
	case wire.TypeAuth:
		return q.auth(ctx, to, f.Token)
	case wire.TypeLeave:
		to.leave = true
		return nil
	}
	if len(data) > most {
		return refuse(http.StatusRequestEntityTooLarge, "its data is too large").coded(wire.CodeTooLarge)
	}
	if env.Data, err = wire.CompactJSON(make([]byte, 0, len(data)), data); err != nil {
		return bad("its data is no JSON")
	}
	to.envelopes = append(to.envelopes, env)
	return nil
}

// auth adds a fresh token, which the connection's stream is to have as well.
func (q *question) auth(ctx context.Context, to *frames, token string) *problem {
	if to.auth {
		return refuse(http.StatusBadRequest, "there is another auth frame before it")
	}
	to.auth = true
	claims, p := q.edge.authenticate(ctx, token)
	if p == nil {
		p = q.edge.notTerminated(ctx, q.exchange.bearer(claims))
	}
	switch {
	case p != nil:
		return p
	case claims.Subject != q.sub.name:
		return refuse(http.StatusForbidden, "the token is another subject's").coded(wire.CodeForbidden)
	}
	encoded, err := json.Marshal(claims)
	if err != nil {
		return refuse(http.StatusBadRequest, "the token's claims cannot be encoded")
	}
	to.envelopes = append(to.envelopes, &wire.Envelope{Kind: wire.KindClaims, Claims: encoded})
	return nil
}
