package histories

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Counts is what a judge has looked at.
type Counts struct {
	Entities int `json:"entities"`
	Events   int `json:"events"`
	Acked    int `json:"acknowledged"`  // each found once, at its revision
	Rejected int `json:"rejected"`      // none found
	Unknown  int `json:"unknown"`       // commands whose fate nobody was told
	Carried  int `json:"unknown_found"` // those of them that were found, once
	Answers  int `json:"answers"`       // to queries, each the state at its revision
	States   int `json:"states"`        // that viewers were shown, each the state at its revision
	Shown    int `json:"shown"`         // events that viewers were shown, each in its place
	Sent     int `json:"transfers"`     // between accounts, each taken or returned once
}

// mostViolations is how many are kept of one judgement.
const mostViolations = 100

// Judge holds histories against their final streams of events.
type Judge struct {
	Counts     Counts
	Violations []Violation

	books *books
}

// NewJudge returns one that has looked at nothing.
func NewJudge() *Judge { return &Judge{books: newBooks()} }

// Close looks at what entities have to do with each other, once all of them have been held against their streams.
func (j *Judge) Close() {
	j.Counts.Sent = len(j.books.sent)
	for _, broken := range j.books.close() {
		j.add(Violation{Entity: Account, Broken: "money is neither made nor lost", Stored: broken})
	}
}

func (j *Judge) add(v Violation) {
	if len(j.Violations) < mostViolations {
		j.Violations = append(j.Violations, v)
	}
}

// hearing is the judgement of one entity.
type hearing struct {
	*Judge
	h *History
}

func (c *hearing) fail(revision uint64, broken, told, stored string) {
	c.add(Violation{Entity: c.h.Name(), Revision: revision, Broken: broken, Told: told, Stored: stored})
}

// Hear holds h against its final stream: nothing was shown that is not there, everything acknowledged is there once, in the order
// that everybody saw.
func (j *Judge) Hear(h *History) {
	c := &hearing{Judge: j, h: h}
	j.Counts.Entities++
	j.Counts.Events += len(h.Final)
	for i, e := range h.Final {
		if e.Revision != uint64(i+1) {
			c.fail(e.Revision, fmt.Sprintf("the stream has no gaps: want %d", i+1), "", describe(&e))
			return // nothing has its place
		}
	}
	c.commands()
	c.shown()
	c.states()
	c.realTime()
}

// harmless are the codes of rejections that every command may get.
var harmless = []string{"forgotten", "unavailable", "overloaded", "rate_limited"}

// possible are the further ones of a command.
func possible(o *Op) string {
	switch {
	case o.HasExpect:
		return "conflict"
	case o.Name == "transfer":
		return "funds"
	}
	return ""
}

// sender names a command among all of an entity.
type sender struct {
	member string
	id     uint64
}

// commands looks for the event of each command, and for the command of each event.
func (c *hearing) commands() {
	stored := make(map[sender][]*Event)
	var last map[string]uint64
	for i := range c.h.Final {
		if e := &c.h.Final[i]; e.By != "" {
			key := sender{e.By, e.Command}
			stored[key] = append(stored[key], e)
			if last == nil {
				last = make(map[string]uint64)
			}
			if e.Command < last[e.By] {
				c.fail(e.Revision, fmt.Sprintf("the commands of a connection are carried out in order: %d was before", last[e.By]), "", describe(e))
			}
			last[e.By] = e.Command
		}
	}
	for i := range c.h.Ops {
		o := &c.h.Ops[i]
		if o.Query {
			continue
		}
		key := sender{o.Member, o.ID}
		found := stored[key]
		delete(stored, key)
		c.command(o, found)
	}
	c.conflicts()
	for key, events := range stored {
		c.fail(events[0].Revision, "a stored command was sent by somebody, once", fmt.Sprintf("nothing of command %d of %s", key.id, key.member), describe(events[0]))
	}
}

func (c *hearing) command(o *Op, found []*Event) {
	told := fmt.Sprintf("command %d of %s, %s", o.ID, o.Member, o)
	switch o.Outcome {
	case Acked:
		c.Counts.Acked++
		if len(found) == 0 {
			c.fail(o.Revision, "what was acknowledged is not lost", told, "not there")
			return
		}
	case Rejected:
		c.Counts.Rejected++
		if !slices.Contains(harmless, o.Code) && o.Code != possible(o) {
			c.fail(o.Revision, "a command is not rejected so", told, "")
		}
		if len(found) > 0 {
			c.fail(found[0].Revision, "a rejected command is not stored", told, describe(found[0]))
		}
		return
	default:
		c.Counts.Unknown++
		if len(found) == 0 {
			return
		}
		c.Counts.Carried++
	}
	e := found[0]
	switch {
	case len(found) > 1:
		c.fail(found[1].Revision, "a command has its effect once", told, describe(found[1]))
	case o.Outcome == Acked && e.Revision != o.Revision:
		c.fail(e.Revision, "a command is at the revision of its acknowledgement", told, describe(e))
	case e.Name != eventOf[c.h.Category][o.Name] || !same(e.Data, o.Data):
		c.fail(e.Revision, "a command is stored as it was sent", told, describe(e))
	case o.HasExpect && e.Revision != o.Expect+1:
		c.fail(e.Revision, "a command that expects a revision follows it", told, describe(e))
	}
}

// conflicts checks that where a command was rejected since something came after the revision it expected, something had.
func (c *hearing) conflicts() {
	began := make(map[sender]time.Duration)
	for i := range c.h.Ops {
		if o := &c.h.Ops[i]; !o.Query {
			began[sender{o.Member, o.ID}] = o.Began
		}
	}
	for i := range c.h.Ops {
		o := &c.h.Ops[i]
		if o.Outcome != Rejected || o.Code != "conflict" || o.Expect > uint64(len(c.h.Final)) {
			continue
		}
		if o.Expect == uint64(len(c.h.Final)) {
			c.fail(o.Expect, "a conflict is with something: nothing ever came", o.String(), "")
			continue
		}
		next := &c.h.Final[o.Expect]
		if at, ok := began[sender{next.By, next.Command}]; ok && at > o.Ended {
			c.fail(o.Expect, "a conflict is with something: what came next was commanded later", o.String(), describe(next))
		}
	}
}

// shown holds what viewers were shown against the stream: each event in its place, and none left out.
func (c *hearing) shown() {
	for viewer, sights := range c.h.Sights {
		var last uint64
		begun := false
		for i := range sights {
			s := &sights[i]
			told := fmt.Sprintf("%s to %s", describe(&s.Event), viewer)
			if s.State {
				if begun && s.Revision < last {
					c.fail(s.Revision, fmt.Sprintf("a state is not older than what was shown before: %d", last), told, "")
				}
				begun, last = true, s.Revision
				continue
			}
			c.Counts.Shown++
			if begun && s.Revision != last+1 {
				c.fail(s.Revision, fmt.Sprintf("a viewer is shown every event, once and in order: the last was %d", last), told, "")
			}
			begun, last = true, s.Revision
			if s.Revision == 0 || s.Revision > uint64(len(c.h.Final)) {
				c.fail(s.Revision, "an event that was shown is stored", told, fmt.Sprintf("ends at revision %d", len(c.h.Final)))
				continue
			}
			if e := &c.h.Final[s.Revision-1]; e.Name != s.Name || e.By != s.By || e.Command != s.Command || !same(e.Data, s.Data) {
				c.fail(s.Revision, "an event is shown as it is stored", told, describe(e))
			}
		}
	}
}

// claim is a state that somebody was told.
type claim struct {
	revision uint64
	state    []byte
	told     string
}

// claims gathers all of them, by revision.
func (c *hearing) claims() []claim {
	var all []claim
	for viewer, sights := range c.h.Sights {
		for i := range sights {
			if s := &sights[i]; s.State {
				c.Counts.States++
				all = append(all, claim{s.Revision, s.Data, "state to " + viewer})
			}
		}
	}
	for i := range c.h.Ops {
		o := &c.h.Ops[i]
		if o.Outcome != Acked || len(o.Reply) == 0 {
			continue
		}
		if o.Query {
			c.Counts.Answers++
		}
		all = append(all, claim{o.Revision, o.Reply, o.String()})
	}
	slices.SortStableFunc(all, func(a, b claim) int { return cmp.Compare(a.revision, b.revision) })
	return all
}

// states folds the stream, and holds every state that was told against the fold.
func (c *hearing) states() {
	f, err := newFold(c.h.Category, c.h.ID, c.books)
	if err != nil {
		c.fail(0, err.Error(), "", "")
		return
	}
	claims := c.claims()
	at := func(revision uint64) {
		for len(claims) > 0 && claims[0].revision == revision {
			if err := f.is(claims[0].state); err != nil {
				c.fail(revision, "a state is the fold of the events up to its revision", claims[0].told+" "+string(claims[0].state), err.Error())
			}
			claims = claims[1:]
		}
	}
	at(0)
	for i := range c.h.Final {
		e := &c.h.Final[i]
		if err := f.apply(e); err != nil {
			c.fail(e.Revision, err.Error(), "", describe(e))
		}
		at(e.Revision)
	}
	for _, s := range claims {
		c.fail(s.revision, "a state that was shown is stored", s.told, fmt.Sprintf("ends at revision %d", len(c.h.Final)))
	}
	if a, ok := f.(*account); ok {
		c.books.held += a.Balance
		if len(a.Waiting) > 0 {
			c.fail(uint64(len(c.h.Final)), "every transfer is answered in the end", "", fmt.Sprintf("%d wait", len(a.Waiting)))
		}
	}
}

// moment is when somebody was told of a revision.
type moment struct {
	at       time.Duration
	revision uint64
	told     string
}

// realTime checks that who asks after somebody was told is told of no less, and that nothing is seen before it was asked for.
func (c *hearing) realTime() {
	var known []moment
	var asked []*Op
	began := make(map[sender]*Op)
	for i := range c.h.Ops {
		o := &c.h.Ops[i]
		if !o.Query {
			began[sender{o.Member, o.ID}] = o
		}
		if o.Outcome == Acked {
			known = append(known, moment{o.Ended, o.Revision, o.String()})
			asked = append(asked, o)
		}
	}
	for viewer, sights := range c.h.Sights {
		for i := range sights {
			s := &sights[i]
			known = append(known, moment{s.At, s.Revision, describe(&s.Event) + " shown to " + viewer})
			if o := began[sender{s.By, s.Command}]; !s.State && s.By != "" && o != nil && s.At < o.Began {
				c.fail(s.Revision, "nothing is shown before it was commanded", describe(&s.Event)+" to "+viewer, "")
			}
		}
	}
	slices.SortFunc(known, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	slices.SortFunc(asked, func(a, b *Op) int { return cmp.Compare(a.Began, b.Began) })
	var floor moment
	for _, o := range asked {
		for len(known) > 0 && known[0].at < o.Began {
			if known[0].revision >= floor.revision {
				floor = known[0]
			}
			known = known[1:]
		}
		if o.Revision < floor.revision || !o.Query && o.Revision == floor.revision && floor.revision > 0 {
			c.fail(o.Revision, "what is asked later is answered with no less: "+floor.told, o.String(), "")
		}
	}
}

// same reports whether two pieces of JSON are the same but for blanks.
func same(a, b []byte) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}

func describe(e *Event) string {
	return fmt.Sprintf("%s %.200s at %d, command %d of %q", e.Name, e.Data, e.Revision, e.Command, e.By)
}
