package state

// AgendaLen returns how many entries the agendas of the node have.
func (n *Node) AgendaLen() int {
	total := 0
	for _, p := range n.served() {
		p.mu.Lock()
		total += p.agenda.moments.Len() + p.agenda.times.Len()
		p.mu.Unlock()
	}
	return total
}
