package state

import (
	"errors"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

const lostMessage = "the entity's owner has lost its log: whether the command was carried out shows when it is sent again with its key"

// lose answers the calls whose answers will not leave, because what they wait for could not be stored. Their
// commands have been run, and what came of it may yet be found in the log.
func (p *partition) lose(effects []effect) {
	for i := range effects {
		f := &effects[i]
		switch f.env.Kind {
		case wire.KindResult:
			p.node.send(f.lane, f.to, answered(wire.KindResult, f.env, &wire.Envelope{
				Flags: wire.Refused | wire.Reattach, Code: wire.CodeUnknown, Message: lostMessage,
			}))
		case wire.KindSight:
			p.node.send(f.lane, f.to, answered(wire.KindSight, f.env, &wire.Envelope{
				Flags: wire.Refused | wire.Reattach, Code: wire.CodeUnavailable, Message: beginsAnew,
			}))
		}
	}
}

// unread returns the calls that wait in mailboxes: nobody will take them. The caller holds p.mu.
func (p *partition) unread() []*wire.Envelope {
	var all []*wire.Envelope
	for e := range p.running {
		for i := range e.mail {
			if env := e.mail[i].env; env != nil && (env.Kind == wire.KindCall || env.Kind == wire.KindView) {
				all = append(all, env)
			}
		}
	}
	return all
}

// moves reports whether an ownership that ended with that error goes on elsewhere, where a router brings links and envelopes.
func (p *partition) moves(cause error) bool {
	if errors.Is(cause, errReleased) {
		return true
	}
	if _, ok := p.node.cfg.Bus.(bus.Router); !ok || !p.node.deposed(cause) {
		return false
	}
	return !p.node.leadsNow(p.id)
}

// pass gives a call that was not begun to the next owner. Where there is none it is refused, for good if nobody leads.
func (p *partition) pass(env *wire.Envelope, moved bool) {
	flags := wire.Reattach
	if moved && p.node.replicated != nil && p.node.leaderless(p.id) {
		flags, moved = 0, false
	}
	if cat := p.node.categories[env.Category]; moved && cat != nil && p.node.cfg.Bus.Send(cat.opt.Lane, p.node.address(p.id), env) == nil {
		return
	}
	p.refuse(env, flags, wire.CodeUnavailable, beginsAnew)
}

// passAll does so with the messages that an entity had taken from its mailbox and not turned to.
func (p *partition) passAll(mail []message) {
	p.mu.Lock()
	moved := p.moved
	p.mu.Unlock()
	for i := range mail {
		if env := mail[i].env; env != nil && (env.Kind == wire.KindCall || env.Kind == wire.KindView) {
			p.pass(env, moved)
		}
	}
}
