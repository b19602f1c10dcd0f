package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tutti-rt/tutti/wire"
)

// Command is one request to change the entity.
type Command struct {
	Name string
	Data any // as encoding/json encodes it

	// With HasExpect the command is rejected with conflict when an event that this client may see
	// came after revision Expect.
	Expect    uint64
	HasExpect bool
	Trace     bool // the Ack says where the time went
}

// Ack says that a command is durable.
type Ack struct {
	ID       uint64 // of the command, as the events it caused name it
	Revision uint64 // of the entity's last event then
	Reply    json.RawMessage
	Hops     *wire.Hops // with Command.Trace: as the server says
	Latency  Latency    // with Command.Trace; zero where the command was answered before
}

// Answer is the answer to a query. It reflects every command acknowledged to anybody before.
type Answer struct {
	Revision uint64 // of the entity's last event then
	Data     json.RawMessage
}

// Call is a command or query on its way.
type Call struct {
	c    *Client
	done chan struct{} // closed when ack and err are set
	ack  Ack
	err  error

	// Guarded by Client.mu.
	frame     wire.ClientFrame // whose id is the call's key in Client.calls
	sent      bool             // it may have reached the server
	again     bool             // it has been sent over more than one link, or a POST has answered it
	sentAt    int64            // when it was written last, by the client's clock; with Trace
	abandoned bool             // nobody waits for it
	told      *toldAnswer      // what a POST has said of it
}

// Send sends a command and returns when it is durable. The error is a *Rejected when the entity
// refused it.
//
// When ctx is done first, Send returns its error. A command that has been sent by then may have its
// effect all the same; the error is ErrFateUnknown, too.
func (c *Client) Send(ctx context.Context, name string, data any) (Ack, error) {
	return c.Do(ctx, Command{Name: name, Data: data})
}

// Do is Send for commands that ask for more.
func (c *Client) Do(ctx context.Context, command Command) (Ack, error) {
	p, err := c.Start(ctx, command)
	if err != nil {
		return Ack{}, err
	}
	return p.Wait(ctx)
}

// Start sends a command without waiting for its outcome. The entity takes commands in the order in
// which they were started. While Config.InFlight of them have no answer, Start waits until ctx is done.
func (c *Client) Start(ctx context.Context, command Command) (*Call, error) {
	data, err := encode(command.Data)
	if err != nil {
		return nil, fmt.Errorf("send %s: %w", command.Name, err)
	}
	return c.start(ctx, wire.ClientFrame{
		Type: wire.TypeCommand, Name: command.Name, Data: data,
		Expect: command.Expect, HasExpect: command.HasExpect, Trace: command.Trace,
	})
}

// Query asks the entity something. It is asked again when the link breaks.
func (c *Client) Query(ctx context.Context, name string, data any) (Answer, error) {
	encoded, err := encode(data)
	if err != nil {
		return Answer{}, fmt.Errorf("query %s: %w", name, err)
	}
	p, err := c.start(ctx, wire.ClientFrame{Type: wire.TypeQuery, Name: name, Data: encoded})
	if err != nil {
		return Answer{}, err
	}
	ack, err := p.Wait(ctx)
	return Answer{Revision: ack.Revision, Data: ack.Reply}, err
}

// encode returns data as compact JSON. What is JSON already is checked, since a frame that is none
// would cost the connection.
func encode(data any) ([]byte, error) {
	if raw, ok := data.(json.RawMessage); ok {
		return wire.CompactJSON(nil, raw)
	}
	encoded, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	return encoded, nil
}

func (c *Client) start(ctx context.Context, frame wire.ClientFrame) (*Call, error) {
	select {
	case c.slots <- struct{}{}:
	case <-c.ended:
		return nil, c.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p := &Call{c: c, done: make(chan struct{}), frame: frame}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls == nil {
		<-c.slots
		return nil, c.err
	}
	p.frame.ID = c.nextID
	c.nextID++
	c.calls[p.frame.ID] = p
	if c.link != nil {
		c.link.queue(outgoing{call: p})
	}
	return p, nil
}

// ID returns the command's id, as the events that it causes name it. That of a query changes when it is asked again.
func (p *Call) ID() uint64 {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	return p.frame.ID
}

// Done is closed when the outcome is known.
func (p *Call) Done() <-chan struct{} { return p.done }

// Wait returns the outcome; see Send.
func (p *Call) Wait(ctx context.Context) (Ack, error) {
	select {
	case <-p.done:
		return p.ack, p.err
	case <-ctx.Done():
		return Ack{}, p.abandon(ctx.Err())
	}
}

// abandon takes the call back where that is still possible.
func (p *Call) abandon(err error) error {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.abandoned = true
	if p.sent {
		if p.frame.Type == wire.TypeCommand {
			return fmt.Errorf("%w: %w", err, ErrFateUnknown)
		}
		return err
	}
	if _, waiting := p.c.calls[p.frame.ID]; waiting {
		p.c.remove(p)
		p.settle(Ack{}, err)
	}
	return err
}

// settle makes the outcome known. Whoever takes the call out of Client.calls calls it, once.
func (p *Call) settle(ack Ack, err error) {
	p.ack, p.err = ack, err
	close(p.done)
	<-p.c.slots
}

// fail settles a call that will get no answer.
func (p *Call) fail(err error) {
	if p.sent && p.frame.Type == wire.TypeCommand {
		err = fmt.Errorf("%w: %w", err, ErrFateUnknown)
	}
	p.settle(Ack{}, err)
}

// answered settles the call that f answers.
func (c *Client) answered(f *wire.ServerFrame) {
	c.mu.Lock()
	p, ok := c.calls[f.ID]
	if ok {
		c.remove(p)
	}
	c.mu.Unlock()
	if ok { // otherwise it is an answer to a query that was asked again
		p.answer(f)
	}
}

// answer settles the call as f says.
func (p *Call) answer(f *wire.ServerFrame) {
	if f.Type == wire.TypeReject {
		p.settle(Ack{}, &Rejected{Code: f.Code, Message: f.Message})
		return
	}
	reply := f.Data
	if len(reply) == 0 && p.told != nil {
		reply = p.told.frame.Data // the platform does not keep large ones for those who ask again
	}
	p.settle(Ack{ID: f.ID, Revision: f.Revision, Reply: slices.Clone(reply), Hops: f.Hops, Latency: p.c.traced(p, f.Hops)}, nil)
}

// untaken settles a call whose frame is too large for the way to the server, as why says. It has changed nothing, unless
// it came through over another link before.
func (c *Client) untaken(id uint64, why *Refused) {
	c.mu.Lock()
	p, ok := c.calls[id]
	if ok {
		c.remove(p)
	}
	c.mu.Unlock()
	switch {
	case !ok:
	case p.again:
		p.fail(why)
	default:
		p.settle(Ack{}, &Rejected{Code: wire.CodeTooLarge, Message: why.Error()})
	}
}

// unserved settles the calls of frames for which there is nobody, as why says. It reports whether nothing is left to send again: what
// else the frames have, and commands that may have come through over another link before.
func (c *Client) unserved(frames []byte, why *Refused) (all bool) {
	all = true
	for line := range bytes.SplitSeq(frames, []byte{'\n'}) {
		f, err := wire.DecodeClientFrame(line)
		if err != nil || f.Type != wire.TypeCommand && f.Type != wire.TypeQuery {
			all = all && err == nil && f.Type == wire.TypeSignal // which may be lost, as a ping may not: somebody waits for it
			continue
		}
		c.mu.Lock()
		p := c.calls[f.ID]
		done := p == nil || p.told != nil // and is asked again for the stream's sake
		again := !done && f.Type == wire.TypeCommand && p.again
		if !done && !again {
			c.remove(p)
		}
		c.mu.Unlock()
		switch {
		case again:
			all = false
		case !done:
			p.settle(Ack{}, &Rejected{Code: wire.CodeUnavailable, Message: why.Detail})
		}
	}
	return all
}

func byID(a, b *Call) int { return cmp.Compare(a.frame.ID, b.frame.ID) }

// resend queues everything that has had no answer for the new link l: commands in their order,
// under their old ids, then queries under new ones, since the platform does not store them. When
// the platform has forgotten the connection, commands that were sent before fail instead.
// c.mu is held; the calls to fail are returned.
func (c *Client) resend(l *link, forgotten bool) (failed []*Call) {
	var commands, queries []*Call
	for _, p := range c.calls {
		p.told.again()
		switch {
		case p.frame.Type == wire.TypeCommand && p.sent && forgotten, p.frame.Type == wire.TypeQuery && p.abandoned:
			c.remove(p)
			failed = append(failed, p)
		case p.frame.Type == wire.TypeCommand:
			p.again = p.sent
			commands = append(commands, p)
		default:
			queries = append(queries, p)
		}
	}
	slices.SortFunc(commands, byID)
	slices.SortFunc(queries, byID)
	for _, p := range queries {
		c.renumber(p)
	}
	for _, p := range slices.Concat(commands, queries) {
		l.queue(outgoing{call: p})
	}
	return failed
}
