package soak

import (
	"fmt"
	"math/rand/v2"
)

const boardSide = 256

type boardFold struct {
	always
	pixels []byte
}

type pixel struct {
	X     int `json:"x"`
	Y     int `json:"y"`
	Color int `json:"color"`
}

func (b *boardFold) apply(f *fact) error {
	if err := f.only("painted"); err != nil {
		return err
	}
	var e pixel
	if err := f.decode(&e); err != nil {
		return err
	}
	at := e.Y*boardSide + e.X
	if at < 0 || at >= len(b.pixels) {
		return fmt.Errorf("a pixel that is not there: %s", f.data)
	}
	b.pixels[at] = byte(e.Color)
	return nil
}

func (b *boardFold) view() ([]byte, error) {
	return encode(struct {
		W      int    `json:"w"`
		H      int    `json:"h"`
		Pixels []byte `json:"pixels"`
	}{boardSide, boardSide, b.pixels}), nil
}

// paint is a command to a board.
func paint(s *session, r *rand.Rand, id uint64) order {
	at := mix(uint64(s.number)<<32 | id)
	p := pixel{int(at % 256), int(at >> 8 % 256), int(at >> 16 % 16)}
	if oneIn(r, 40) {
		p.Color = 16
		return wrong("paint", p)
	}
	return newOrder("paint", p, "painted", p)
}
