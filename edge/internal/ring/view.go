package ring

// View is what a ring held at one moment. Its bytes stay as they are whatever the ring does.
type View struct {
	chunks     []*chunk
	Tail, Head uint64
	Last       uint64 // revision of the newest durable entry before Head, or the ring's first floor

	ring  *Ring
	asked uint64 // position of stamp; 0: none
	stamp Stamp
}

// StampAt is Ring.StampAt. Asked for the same position again, it does not look.
func (v *View) StampAt(pos uint64) Stamp {
	if v.asked != pos {
		v.asked, v.stamp = pos, v.ring.StampAt(pos)
	}
	return v.stamp
}

// View returns what the ring holds.
func (r *Ring) View() View {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := View{chunks: r.chunks, Tail: r.head, Head: r.head, Last: r.last, ring: r}
	if len(r.chunks) > 0 {
		v.Tail = r.chunks[0].base
	}
	return v
}

// Append appends the bytes between two positions of the view, both boundaries of entries, to dst. It
// stops, at the boundary of an entry, where it has appended pieces pieces or at least limit bytes,
// and returns the position. It copies nothing.
func (v *View) Append(dst [][]byte, from, to uint64, pieces, limit int) ([][]byte, uint64) {
	i := len(v.chunks) - 1
	for i >= 0 && v.chunks[i].base > from {
		i--
	}
	for ; i >= 0 && i < len(v.chunks) && from < to && pieces > 0 && limit > 0; i++ {
		c := v.chunks[i]
		end := v.Head
		if i+1 < len(v.chunks) {
			end = v.chunks[i+1].base
		}
		end = min(end, to)
		dst = append(dst, c.data[from-c.base:end-c.base])
		limit -= int(end - from)
		pieces--
		from = end
	}
	return dst, from
}
