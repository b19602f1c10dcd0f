package soak

import "math/rand/v2"

type counterFold struct {
	always
	N int64 `json:"n"`
}

type by struct {
	By int64 `json:"by"`
}

func (c *counterFold) apply(f *fact) error {
	if err := f.only("added"); err != nil {
		return err
	}
	var e by
	if err := f.decode(&e); err != nil {
		return err
	}
	c.N += e.By
	return nil
}

func (c *counterFold) view() ([]byte, error) { return encode(c), nil }

// add is a command to a counter.
func add(s *session, r *rand.Rand, id uint64) order {
	if oneIn(r, 40) {
		return wrong("add", by{})
	}
	b := by{int64(mix(uint64(s.number)<<32|id)%1_000_000) + 1}
	if b.By%2 == 0 {
		b.By = -b.By
	}
	return newOrder("add", b, "added", b)
}

// mix is the finisher of SplitMix64: one number of 64 bits for another, without any pattern.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
