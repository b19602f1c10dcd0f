package proof

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Schedule is what goes wrong, one after the other.
type Schedule []Step

// ParseSchedule reads steps that are separated by semicolons.
func ParseSchedule(text string) (Schedule, error) {
	var all Schedule
	for part := range strings.SplitSeq(text, ";") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		s, err := parseStep(part)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// String returns what ParseSchedule reads.
func (s Schedule) String() string {
	var all []string
	for _, step := range s {
		all = append(all, step.String())
	}
	return strings.Join(all, "; ")
}

// Check returns what is wrong with a schedule for that many nodes, and so many that join one after the other.
func (s Schedule) Check(nodes, spares int, network bool) error {
	for i := range s {
		if err := s[i].check(nodes, network); err != nil {
			return err
		}
		if s[i].Kind != Join {
			continue
		}
		if spares == 0 || s[i].Nodes[0] != nodes+1 {
			return fmt.Errorf("%w: %s: of %d spare nodes the next to join is n%d", ErrStep, s[i], spares, nodes+1)
		}
		nodes, spares = nodes+1, spares-1
	}
	return nil
}

// Choose makes up a schedule of about that length for the nodes, with about that much quiet before each step. Kinds that cannot be
// are left out; none means all that can.
func Choose(rng *rand.Rand, nodes int, network bool, length, every time.Duration, kinds []Kind) Schedule {
	var able []Kind
	for _, k := range Kinds() {
		t := traits[k]
		named := slices.Contains(kinds, k)
		if named || len(kinds) == 0 && !t.unchosen {
			if nodes >= t.others && (network || !t.network) && k != Join {
				able = append(able, k)
			}
		}
	}
	var all Schedule
	if len(able) == 0 {
		return all
	}
	for passed := time.Duration(0); ; {
		s := Step{After: between(rng, every/2, every*3/2), Kind: able[rng.IntN(len(able))]}
		t := traits[s.Kind]
		for _, n := range rng.Perm(nodes)[:t.nodes] {
			s.Nodes = append(s.Nodes, n+1)
		}
		if t.most > 0 {
			s.For = between(rng, t.least, t.most)
		}
		switch s.Kind {
		case Slow:
			s.By = between(rng, 5*time.Millisecond, 200*time.Millisecond)
		case Skew:
			s.By = between(rng, time.Second, time.Hour)
			if rng.IntN(2) == 0 {
				s.By = -s.By
			}
		}
		if passed += s.After + s.For + t.takes; passed > length {
			return all
		}
		all = append(all, s)
	}
}

// Tries returns that many steps of each kind, which lead from one node to the next, with that much quiet before each step. Kinds that
// cannot be are left out.
func Tries(nodes int, network bool, tries int, every time.Duration, kinds []Kind) Schedule {
	var all Schedule
	for i := range tries {
		for _, k := range kinds {
			t, ok := traits[k]
			if !ok || nodes < t.others || t.network && !network || k == Join {
				continue
			}
			s := Step{After: every, Kind: k, For: (t.least + t.most) / 2}
			for n := range t.nodes {
				s.Nodes = append(s.Nodes, (i+n)%nodes+1)
			}
			switch k {
			case Slow:
				s.By = 100 * time.Millisecond
			case Skew:
				s.By = -time.Minute
			}
			all = append(all, s)
		}
	}
	return all
}

// between returns a time from least to most, in whole milliseconds.
func between(rng *rand.Rand, least, most time.Duration) time.Duration {
	return (least + time.Duration(rng.Int64N(int64(most-least)+1))).Round(time.Millisecond)
}
