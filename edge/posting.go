package edge

import (
	"context"
	"fmt"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// ask has the owner take the frames, and waits until they have been answered: by the next owner where one comes meanwhile. It belongs to
// the goroutine of the request, as what it calls does.
func (p *post) ask(ctx context.Context, q *question) *problem {
	var gone int64 // since when there is no owner, ns since the edge was made; 0: there is one
	for {
		comes := p.edge.recovery.next(p.owner)
		retry := (<-chan time.Time)(nil)
		if err := p.sendAll(q); err != nil {
			if comes == nil {
				return p.unsent(err)
			}
			if gone == 0 {
				gone = max(p.edge.now(), 1)
			}
			left := p.edge.timing.Owner - time.Duration(p.edge.now()-gone)
			if left <= 0 || !p.edge.recovery.reaches(p.owner) {
				return p.unsent(err)
			}
			retry = time.After(min(left, recoveryBeat))
		} else {
			gone = 0
		}
		select {
		case <-p.done:
			return nil
		case <-comes:
		case <-retry:
		case <-p.lost:
			pause(ctx, comes, askPause)
		case <-ctx.Done():
			return late()
		}
	}
}

// unsent is the problem of frames that cannot be sent.
func (p *post) unsent(why error) *problem {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.frames {
		if p.frames[i].taken > 0 {
			return late()
		}
	}
	return failed(fmt.Errorf("%w: %w", ErrUnavailable, why))
}

// sendAll attaches the post, under a new number after the first time, and sends the frames that have no answer. Signals are sent once.
func (p *post) sendAll(q *question) error {
	before, last := p.number, p.sent
	if p.tried {
		p.renumber()
	}
	p.tried, p.sent = true, 0
	err := p.send(q, &wire.Envelope{Kind: wire.KindAttach, Flags: wire.Sender, Claims: q.claims, At: p.edge.clock().UnixMilli()})
	if last > 0 { // an owner that is the same one has the post under that number, too
		p.detach(q, before, last+1, 0)
	}
	if err != nil {
		return err
	}
	for _, f := range p.unanswered() {
		env := *f.env // which an owner may have
		p.count(f, 1)
		if err := p.send(q, &env); err != nil {
			p.count(f, -1)
			return err
		}
	}
	return nil
}

// count adds to how many sendings of a frame an owner may have.
func (p *post) count(f *posted, more int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f.taken += more
}

// detach says to the owner that the post is not there any more under that number of a link, behind what came before.
func (p *post) detach(q *question, link, number uint64, flags wire.Flags) {
	env := &wire.Envelope{
		Kind: wire.KindDetach, Flags: flags, Category: q.category.Name, ID: q.id, Conn: q.conn, Edge: p.edge.name, Link: link,
		Number: number, Sent: p.edge.clock().UnixMicro(),
	}
	if r := p.edge.recovery; r != nil {
		r.depart(p.lane, p.owner, env, true)
		return
	}
	_ = p.edge.bus.Send(p.lane, p.owner, env) // an owner that is gone has forgotten it
}

// unanswered returns the frames that are to be sent.
func (p *post) unanswered() (all []*posted) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.frames {
		if f := &p.frames[i]; !f.answered {
			all = append(all, f)
			f.answered = f.env.Kind == wire.KindSignal
		}
	}
	return all
}

// send numbers an envelope and sends it to the owner. It belongs to the goroutine of the request.
func (p *post) send(q *question, env *wire.Envelope) error {
	env.Category, env.ID, env.Conn = q.category.Name, q.id, q.conn
	env.Edge, env.Link, env.Number = p.edge.name, p.number, p.sent+1
	env.Sent = p.edge.clock().UnixMicro()
	if err := p.edge.bus.Send(p.lane, p.owner, env); err != nil {
		return err
	}
	p.sent++
	return nil
}
