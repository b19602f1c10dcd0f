package ring

import "slices"

const (
	minChunk = 512
	maxChunk = 64 << 10
	// perMark is how many bytes of a chunk come with room for one mark. It is below the size of
	// the shortest frame, so that a chunk is full of bytes before it is full of marks.
	perMark = 32
	// markBytes is what a mark costs in memory.
	markBytes = 16
)

// mark says where an entry begins.
type mark struct {
	rev  uint64 // of the entry, or of the last durable one before an ephemeral entry
	off  uint32 // in the chunk
	bits uint32 // its stamp, and whether it is ephemeral
}

const ephemeralBit = 1 << 31

func (m mark) ephemeral() bool { return m.bits&ephemeralBit != 0 }

func (m mark) stamp() Stamp { return Stamp(m.bits &^ ephemeralBit) }

// chunk is a piece of the ring. data[:used] never changes once written.
type chunk struct {
	base  uint64 // position of data[0]
	data  []byte
	used  int
	marks []mark
}

// newChunk returns a chunk at base with room for an entry of need bytes, larger than the one
// before it.
func newChunk(base uint64, before, need int) *chunk {
	size := min(max(2*before, minChunk), maxChunk)
	size = max(size, need)
	return &chunk{base: base, data: make([]byte, size)}
}

// bytes returns what the chunk counts against the budget: its data, and the marks of an average
// filling.
func (c *chunk) bytes() int { return len(c.data) + len(c.data)/perMark/4*markBytes }

// fits reports whether an entry of n bytes finds room.
func (c *chunk) fits(n int) bool {
	return len(c.data)-c.used >= n && len(c.marks) < max(len(c.data)/perMark, 1)
}

func (c *chunk) append(p []byte, rev uint64, ephemeral bool, at Stamp) {
	m := mark{rev: rev, off: uint32(c.used), bits: uint32(at)}
	if ephemeral {
		m.bits |= ephemeralBit
	}
	c.marks = append(c.marks, m)
	c.used += copy(c.data[c.used:], p)
}

func (c *chunk) end() uint64 { return c.base + uint64(c.used) }

// entryEnd returns the end of the entry that mark i begins.
func (c *chunk) entryEnd(i int) uint64 {
	if i+1 < len(c.marks) {
		return c.base + uint64(c.marks[i+1].off)
	}
	return c.end()
}

// at returns the index of the entry that holds the byte at pos, which lies in the chunk.
func (c *chunk) at(pos uint64) int {
	i, exact := slices.BinarySearchFunc(c.marks, uint32(pos-c.base), func(m mark, off uint32) int {
		return int(int64(m.off) - int64(off))
	})
	if exact {
		return i
	}
	return i - 1
}
