package soak

import "math/rand/v2"

const roomLines = 100

type line struct {
	Who  string `json:"who"`
	Text string `json:"text"`
}

type roomFold struct {
	always
	Lines []line `json:"lines"`
	Count int64  `json:"count"`
}

func (r *roomFold) apply(f *fact) error {
	if err := f.only("said"); err != nil {
		return err
	}
	var e line
	if err := f.decode(&e); err != nil {
		return err
	}
	r.Lines = append(r.Lines, e)
	if len(r.Lines) > roomLines {
		r.Lines = append([]line(nil), r.Lines[1:]...)
	}
	r.Count++
	return nil
}

func (r *roomFold) view() ([]byte, error) { return encode(r), nil }

// say is a command to a room.
func say(s *session, r *rand.Rand, id uint64) order {
	type text struct {
		Text string `json:"text"`
	}
	if oneIn(r, 40) {
		return wrong("say", text{})
	}
	said := token(s.number, id) + " <&>\u2028\U0001f600\"\\\u0001"
	return newOrder("say", text{said}, "said", line{s.sub, said})
}
