package state

import "github.com/tutti-rt/tutti/wire"

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
