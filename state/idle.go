package state

import "github.com/tutti-rt/tutti/wire"

// acted notes that a member has done something.
func (e *entity) acted(m *member) {
	if e.cat.opt.SessionTimeout == 0 {
		return
	}
	idle := &e.here.idle
	m.acted = e.part.node.passed()
	idle.remove(m, byIdleness)
	idle.append(m, byIdleness)
	if idle.first == m {
		e.part.remind(e, m.acted+int64(e.cat.opt.SessionTimeout))
	}
}

// stays notes that a member has attached, which is nothing that a client does for others to see: who was idle still is. A
// member that nobody has seen before begins anew.
func (e *entity) stays(m *member) {
	if !m.idling.on {
		e.acted(m)
	}
}

// endIdle ends the connections that have done nothing for as long as the category allows, and as endGraces does not all of them in one
// turn.
func (e *entity) endIdle(now int64) {
	timeout, idle := int64(e.cat.opt.SessionTimeout), &e.here.idle
	var over []*member
	for m := idle.first; m != nil && m.acted+timeout <= now && len(over) < gracesAtOnce; m = idle.first {
		idle.remove(m, byIdleness)
		over = append(over, m)
		for m.link != nil {
			l := m.link
			e.here.drop(l)
			e.refuse(l, 0, wire.EndSessionTimeout, "the connection has done nothing for too long")
		}
	}
	if len(over) > 0 {
		e.conclude(nil, nil)
	}
	for _, m := range over {
		e.disconnect(m)
	}
	if idle.first != nil {
		e.part.remind(e, idle.first.acted+timeout)
	}
}
