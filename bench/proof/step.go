package proof

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Step is one fault of a schedule. As text it is "after 2s kill n2 for 1.5s".
type Step struct {
	After time.Duration // of quiet before it
	Kind  Kind
	Nodes []int         // from 1
	By    time.Duration // how much, for kinds that have an amount
	For   time.Duration // how long it lasts
}

// Kind names what a step does.
type Kind string

// The kinds.
const (
	Kill     Kind = "kill"      // SIGKILL; started again afterwards
	Stop     Kind = "stop"      // SIGSTOP; SIGCONT afterwards
	KillPair Kind = "kill-pair" // two nodes at once, which may be a majority
	StopPair Kind = "stop-pair"

	Cut     Kind = "cut"      // reaches nobody, and nobody reaches it
	CutIn   Kind = "cut-in"   // gets nothing; what it sends arrives
	CutOut  Kind = "cut-out"  // gets everything; nothing of what it sends arrives
	CutPair Kind = "cut-pair" // two nodes do not reach each other
	CutWay  Kind = "cut-way"  // nothing gets from the first node to the second
	Rain    Kind = "rain"     // packets are late, lost, doubled and out of order
	Slow    Kind = "slow"     // each sync of the disk takes longer
	Skew    Kind = "skew"     // the clock is set
	Drain   Kind = "drain"    // SIGTERM; started again afterwards
	Roll    Kind = "roll"     // every node is drained and started again, one after the other
	Join    Kind = "join"     // a node that has not been started before is

	Remove   Kind = "remove"    // SIGTERM; an operator removes it; it joins again with an empty disk
	LostDisk Kind = "lost-disk" // SIGKILL, and its disk is empty; an operator removes it; it joins again under its name
	Leave    Kind = "leave"     // an operator drains it until others have what they can, and then no more
	Layout   Kind = "layout"    // an operator has one replica of everything, and then three again
)

// trait is what a kind needs.
type trait struct {
	nodes       int // how many are named
	by          bool
	least, most time.Duration // of For, when it is chosen; 0: it has none
	network     bool          // that can be cut
	others      int           // how many nodes there have to be
	unchosen    bool          // only by name
	member      bool          // it changes who holds what: all is well before it, and everything where it belongs after it
	takes       time.Duration // about how long, beside For
}

// traits has all kinds.
var traits = map[Kind]trait{
	Kill: {nodes: 1, least: 0, most: 3 * time.Second},
	Stop: {nodes: 1, least: 500 * time.Millisecond, most: 4 * time.Second},
	// These come only by name, so that a seed goes on choosing what it chose.
	KillPair: {nodes: 2, least: 0, most: 3 * time.Second, others: 2, unchosen: true},
	StopPair: {nodes: 2, least: 500 * time.Millisecond, most: 4 * time.Second, others: 2, unchosen: true},
	Cut:      {nodes: 1, least: 500 * time.Millisecond, most: 4 * time.Second, network: true},
	CutIn:    {nodes: 1, least: 500 * time.Millisecond, most: 4 * time.Second, network: true},
	CutOut:   {nodes: 1, least: 500 * time.Millisecond, most: 4 * time.Second, network: true},
	CutPair:  {nodes: 2, least: 500 * time.Millisecond, most: 4 * time.Second, network: true, others: 2},
	CutWay:   {nodes: 2, least: 500 * time.Millisecond, most: 4 * time.Second, network: true, others: 2},
	Rain:     {nodes: 1, least: time.Second, most: 4 * time.Second, network: true},
	Slow:     {nodes: 1, by: true, least: time.Second, most: 4 * time.Second},
	Skew:     {nodes: 1, by: true, least: time.Second, most: 4 * time.Second},
	Drain:    {nodes: 1, least: 0, most: 2 * time.Second},
	Roll:     {others: 2, unchosen: true, member: true, takes: 20 * time.Second},
	Join:     {nodes: 1, others: 1, unchosen: true},

	Remove:   {nodes: 1, least: 0, most: 5 * time.Second, others: 3, member: true, takes: 15 * time.Second},
	LostDisk: {nodes: 1, least: 0, most: 5 * time.Second, others: 3, member: true, takes: 15 * time.Second},
	Leave:    {nodes: 1, least: 0, most: 3 * time.Second, others: 3, member: true, takes: 15 * time.Second},
	Layout:   {least: 0, most: 3 * time.Second, others: 3, member: true, takes: 15 * time.Second},
}

// Kinds returns all of them, in order.
func Kinds() []Kind {
	var all []Kind
	for k := range traits {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// ErrStep means that a step cannot be read or cannot be done.
var ErrStep = errors.New("proof: no such step")

// check returns what is wrong with the step for that many nodes.
func (s *Step) check(nodes int, network bool) error {
	t, ok := traits[s.Kind]
	switch {
	case !ok:
		return fmt.Errorf("%w: %q is none of %v", ErrStep, s.Kind, Kinds())
	case len(s.Nodes) != t.nodes:
		return fmt.Errorf("%w: %s names %d nodes", ErrStep, s.Kind, t.nodes)
	case s.After < 0 || s.For < 0:
		return fmt.Errorf("%w: a time of %s is negative", ErrStep, s.Kind)
	case t.by != (s.By != 0):
		return fmt.Errorf("%w: %s has an amount (by): %v", ErrStep, s.Kind, t.by)
	case nodes < t.others:
		return fmt.Errorf("%w: %s needs %d nodes", ErrStep, s.Kind, t.others)
	case t.network && !network:
		return fmt.Errorf("%w: %s needs a network that can be cut", ErrStep, s.Kind)
	case len(s.Nodes) == 2 && s.Nodes[0] == s.Nodes[1]:
		return fmt.Errorf("%w: %s names a node twice", ErrStep, s.Kind)
	}
	for _, n := range s.Nodes {
		if n < 1 || n > nodes && s.Kind != Join {
			return fmt.Errorf("%w: there is no node n%d", ErrStep, n)
		}
	}
	return nil
}

// String returns the step as text.
func (s Step) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "after %s %s", s.After, s.Kind)
	for _, n := range s.Nodes {
		fmt.Fprintf(&b, " n%d", n)
	}
	if s.By != 0 {
		fmt.Fprintf(&b, " by %s", s.By)
	}
	if s.For != 0 {
		fmt.Fprintf(&b, " for %s", s.For)
	}
	return b.String()
}

// parseStep reads a step.
func parseStep(text string) (s Step, err error) {
	words := strings.Fields(text)
	take := func(name string) (d time.Duration) {
		if err != nil || len(words) < 2 || words[0] != name {
			return 0
		}
		if d, err = time.ParseDuration(words[1]); err != nil {
			err = fmt.Errorf("%w: %q: %w", ErrStep, text, err)
		}
		words = words[2:]
		return d
	}
	s.After = take("after")
	if len(words) == 0 {
		return s, fmt.Errorf("%w: %q", ErrStep, text)
	}
	s.Kind, words = Kind(words[0]), words[1:]
	for len(words) > 0 {
		digits, ok := strings.CutPrefix(words[0], "n")
		n, bad := strconv.Atoi(digits)
		if !ok || bad != nil {
			break
		}
		s.Nodes, words = append(s.Nodes, n), words[1:]
	}
	s.By = take("by")
	s.For = take("for")
	if err == nil && len(words) > 0 {
		err = fmt.Errorf("%w: %q: what is %q", ErrStep, text, words[0])
	}
	return s, err
}
