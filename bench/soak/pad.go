package soak

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
)

// padFold is a text as its code points.
type padFold struct {
	always
	text []rune
}

// patch replaces code points; in JSON it is [position, deleted, "inserted"].
type patch struct {
	at, del int
	insert  string
}

func (p *patch) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&p.at, &p.del, &p.insert})
}

func (p patch) MarshalJSON() ([]byte, error) { return json.Marshal([]any{p.at, p.del, p.insert}) }

type patches struct {
	Patches []patch `json:"patches"`
}

func (p *padFold) apply(f *fact) error {
	if err := f.only("edited"); err != nil {
		return err
	}
	var e patches
	if err := f.decode(&e); err != nil {
		return err
	}
	for _, c := range e.Patches {
		if c.at < 0 || c.del < 0 || c.at+c.del > len(p.text) {
			return fmt.Errorf("a patch that does not fit %d code points: %s", len(p.text), f.data)
		}
		p.text = slices.Replace(p.text, c.at, c.at+c.del, []rune(c.insert)...)
	}
	return nil
}

func (p *padFold) view() ([]byte, error) {
	return encode(struct {
		Text string `json:"text"`
	}{string(p.text)}), nil
}

// load sets the text to what a client was shown.
func (p *padFold) load(view []byte) error {
	var v struct {
		Text string `json:"text"`
	}
	if err := json.Unmarshal(view, &v); err != nil {
		return fmt.Errorf("state of a pad: %w", err)
	}
	p.text = []rune(v.Text)
	return nil
}

// mostPad is how long a pad becomes, in code points.
const mostPad = 6_000

// edit is a command to a pad: patches that fit the text as the writer knows it, on the condition that nobody else
// was faster. The caller holds s.mu.
func edit(s *session, r *rand.Rand, id uint64) order {
	n := len(s.pad.text)
	if oneIn(r, 40) {
		return wrong("edit", patches{[]patch{{at: n + 1_000_000, insert: "x"}}})
	}
	first := patch{at: r.IntN(n + 1), insert: token(s.number, id) + "\u00e9\U0001f600 "}
	first.del = r.IntN(min(n-first.at, 8) + 1)
	if n > mostPad {
		first.at, first.del = 0, n/2
	}
	n += len([]rune(first.insert)) - first.del
	second := patch{at: r.IntN(n + 1), insert: "\n"}
	e := patches{[]patch{first, second}}
	o := newOrder("edit", e, "edited", e).refusable("conflict")
	o.conditional, o.expect = true, s.last
	return o
}
