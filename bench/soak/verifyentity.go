package soak

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/tutti-rt/tutti/journal"
)

// check is the verification of one entity.
type check struct {
	*verifier
	name string
	fold fold

	conns   map[string]*conn // by member
	answers []answer         // by connection and id
	calls   []call           // that have not been found yet
	states  []shown          // by revision
	sums    []uint32         // of the journal's events, by revision - 1
	ended   bool
	end     uint64 // revision at which all was quiet
}

// conn is one connection's answers, from the first that has not been found yet.
type conn struct {
	rest []answer
	last uint64 // id of the last command that was found
}

// entity verifies what clients of e were told.
func (v *verifier) entity(ctx context.Context, e journal.Entity, path string) error {
	c := &check{verifier: v, name: e.String(), conns: make(map[string]*conn)}
	var err error
	if c.fold, err = newFold(e.Category, e.ID, v.books); err != nil {
		return err
	}
	if err := c.readAnswers(path); err != nil {
		return err
	}
	w := v.entities[e]
	if w == nil {
		w = &written{}
	}
	if err := c.replay(ctx, e, w); err != nil {
		return err
	}
	for _, conn := range c.conns {
		for i := range conn.rest {
			c.missing(&conn.rest[i])
		}
	}
	c.missingCalls()
	for _, s := range c.states {
		c.fail(uint64(s.revision), "a state that was shown is stored", fmt.Sprintf("state shown to connection %d", s.conn), fmt.Sprintf("ends at revision %d", len(c.sums)))
	}
	if c.ended && c.end != uint64(len(c.sums)) {
		c.fail(c.end, "the journal ends where clients saw the end", fmt.Sprintf("revision %d", c.end), fmt.Sprintf("revision %d", len(c.sums)))
	}
	if err := c.fold.quiet(); err != nil {
		c.fail(uint64(len(c.sums)), "nothing is under way in the end", "", err.Error())
	}
	switch f := c.fold.(type) {
	case *accountFold:
		v.books.balance(f.Balance)
	case *alarmFold:
		v.sum.Alarms += int(f.Rang)
	}
	return c.compareEvents(ctx, e, w, path)
}

func (c *check) fail(revision uint64, broken, told, journal string) {
	c.failures.add(Failure{Entity: c.name, Revision: revision, Broken: broken, Told: told, Journal: journal})
}

// readAnswers reads all of the notebook but the events.
func (c *check) readAnswers(path string) error {
	members := make(map[uint32]string)
	err := readNotebook(path, reading{
		member: func(conn uint32, member string) { members[conn] = member },
		answer: func(a answer) { c.answers = append(c.answers, a) },
		state:  func(s shown) { c.states = append(c.states, s) },
		call:   func(k call) { c.calls = append(c.calls, k) },
		end:    func(revision uint64) { c.ended, c.end = true, revision },
	})
	if err != nil {
		return err
	}
	slices.SortFunc(c.answers, func(a, b answer) int { return cmp.Or(cmp.Compare(a.conn, b.conn), cmp.Compare(a.id, b.id)) })
	slices.SortFunc(c.states, func(a, b shown) int { return cmp.Compare(a.revision, b.revision) })
	for _, member := range members {
		c.conns[member] = &conn{}
	}
	for from := 0; from < len(c.answers); {
		to := from + 1
		for to < len(c.answers) && c.answers[to].conn == c.answers[from].conn {
			if c.answers[to].id == c.answers[to-1].id {
				c.fail(uint64(c.answers[to].revision), "a command is answered once", describe(&c.answers[to]), "")
			}
			to++
		}
		if conn := c.conns[members[c.answers[from].conn]]; conn != nil {
			conn.rest = c.answers[from:to]
		} else {
			c.fail(0, "who sends commands is a member", describe(&c.answers[from]), "")
		}
		from = to
	}
	return nil
}

// replay reads the entity's records and folds them.
func (c *check) replay(ctx context.Context, e journal.Entity, w *written) error {
	c.compareStates(0)
	if w.log == nil {
		return nil
	}
	var sum uint32
	var mark journal.Mark
	for r, err := range w.log.Records(ctx, e, journal.Mark{}) {
		if err != nil {
			return err
		}
		sum, mark = digest(sum, &r), r.Mark()
		commanded := r.Command > 0 || r.By != ""
		switch {
		case r.Command > 0:
			c.command(&r)
		case commanded && len(r.Events) == 1:
			e := r.Events[0]
			c.verifyCall(r.Revision, r.By, factSum(e.Name, e.Data), fmt.Sprintf("%s %.200s", e.Name, e.Data))
		case commanded:
			c.fail(r.Revision, "a command has one event here", "", fmt.Sprintf("%d of %s", len(r.Events), r.By))
		}
		for i, event := range r.Events {
			c.sums = append(c.sums, eventSum(event.Name, event.Data, r.By, r.Command, r.At))
			f := fact{name: event.Name, data: event.Data, at: r.At, commanded: commanded}
			if err := c.fold.apply(&f); err != nil {
				c.fail(r.RevisionOf(i), err.Error(), "", string(event.Data))
			}
			c.compareStates(r.RevisionOf(i))
		}
	}
	if mark != w.mark || sum != w.digest {
		c.fail(mark.Revision, "the history by entity is that of the log", "",
			fmt.Sprintf("record %d at revision %d, sum %08x; in the log record %d at revision %d, sum %08x", mark.Seq, mark.Revision, sum, w.mark.Seq, w.mark.Revision, w.digest))
	}
	return nil
}

// command looks for what the sender of a stored command was told.
func (c *check) command(r *journal.Record) {
	conn := c.conns[r.By]
	stored := fmt.Sprintf("command %d of member %s", r.Command, r.By)
	for _, e := range r.Events {
		stored += fmt.Sprintf(" %s %.200s", e.Name, e.Data)
	}
	if conn == nil {
		c.fail(r.Revision, "a command comes from a member", "", stored)
		return
	}
	if r.Command <= conn.last {
		c.fail(r.Revision, fmt.Sprintf("the commands of a connection are carried out once and in order: %d was before", conn.last), "", stored)
		return
	}
	conn.last = r.Command
	for len(conn.rest) > 0 && conn.rest[0].id < r.Command {
		c.missing(&conn.rest[0])
		conn.rest = conn.rest[1:]
	}
	if len(conn.rest) == 0 || conn.rest[0].id != r.Command {
		c.fail(r.Revision, "a stored command was sent, and answered or given up", "", stored)
		return
	}
	a := conn.rest[0]
	conn.rest = conn.rest[1:]
	switch {
	case a.outcome == rejected:
		c.fail(r.Revision, "a rejected command is not stored", describe(&a), stored)
	case a.outcome == acked && uint64(a.revision) != r.Revision:
		c.fail(r.Revision, "a command is at the revision of its acknowledgement", describe(&a), stored)
	case len(r.Events) != 1 || factSum(r.Events[0].Name, r.Events[0].Data) != a.fact:
		c.fail(r.Revision, "a command is stored as it was sent", describe(&a), stored)
	case a.outcome == acked:
		c.sum.Acked++
	default:
		c.sum.Unknown++
		c.sum.Carried++
	}
}

// missing takes an answer whose command is not in the journal.
func (c *check) missing(a *answer) {
	switch a.outcome {
	case acked:
		c.fail(uint64(a.revision), "what was acknowledged is not lost", describe(a), "not there")
	case rejected:
		c.sum.Rejected++
	default:
		c.sum.Unknown++
	}
}

func describe(a *answer) string {
	told := [...]string{acked: "acknowledged at revision", rejected: "rejected at revision", unknown: "not answered at revision"}[a.outcome]
	return fmt.Sprintf("command %d of connection %d %s %d, event sum %08x", a.id, a.conn, told, a.revision, a.fact)
}
