package state

// chain is members in an order, with work for each that does not grow with their number. A member stands in it once.
// Its hooks are those that at returns.
type chain struct {
	first, last *member
}

// hook is a member's place in a chain.
type hook struct {
	before, after *member
	on            bool
}

// A member's hook in each chain of an attendance.
func byArrival(m *member) *hook  { return &m.arrival }
func byAbsence(m *member) *hook  { return &m.absence }
func byIdleness(m *member) *hook { return &m.idling }

func (c *chain) append(m *member, at func(*member) *hook) {
	*at(m) = hook{before: c.last, on: true}
	if c.last != nil {
		at(c.last).after = m
	} else {
		c.first = m
	}
	c.last = m
}

// remove takes m out, if it is there.
func (c *chain) remove(m *member, at func(*member) *hook) {
	h := at(m)
	if !h.on {
		return
	}
	if h.before != nil {
		at(h.before).after = h.after
	} else {
		c.first = h.after
	}
	if h.after != nil {
		at(h.after).before = h.before
	} else {
		c.last = h.before
	}
	*h = hook{}
}
