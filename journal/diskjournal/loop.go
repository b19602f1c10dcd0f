package diskjournal

import (
	"fmt"
	"runtime"
	"slices"
)

// The loop is the goroutine that owns all groups. It exists while there is something to do: whoever brings it something
// starts it. A journal of its own writes on the loop, since nobody else has anything to tell it meanwhile; in a cluster the
// committer writes, and the loop goes on.

// inbox is what the loop is to do in its next round. Proposals are bounded by the callers who wait for them.
type inbox struct {
	proposals []*proposal
	calls     []func()
	stored    []*storing
}

func (i *inbox) empty() bool { return len(i.proposals) == 0 && len(i.calls) == 0 && len(i.stored) == 0 }

// submit hands p to the loop. A call must be under way.
func (j *Journal) submit(p *proposal) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.inbox.proposals = append(j.inbox.proposals, p)
	j.wake()
}

// call has the loop call f. A call must be under way.
func (j *Journal) call(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.inbox.calls = append(j.inbox.calls, f)
	j.wake()
}

// wake starts the loop if it does not run. The caller holds mu.
func (j *Journal) wake() {
	if !j.looping {
		j.looping = true
		j.work.Go(j.loop)
	}
}

func (j *Journal) loop() {
	expected := 0
	for {
		in, ok := j.gather(expected)
		if !ok {
			return
		}
		j.answered = 0
		j.round(in)
		// Those who wait now, and those who are answered now: the latter are about to come back.
		expected = j.answered + j.waiting()
	}
}

// maxYields bounds how often others are let run before a group is written.
const maxYields = 16

// gather returns what there is to do, and false when there is nothing and the loop is to end. It lets others run first,
// until as many wait as are expected: who was answered just now would else miss this
// write, and the writers fall into two cohorts of half the size.
func (j *Journal) gather(expected int) (inbox, bool) {
	for range maxYields {
		if j.clustered() || j.waiting() >= expected {
			break
		}
		runtime.Gosched()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	in := j.inbox
	if in.empty() {
		j.looping = false
		return in, false
	}
	j.inbox, j.spare = inbox{proposals: j.spare[:0]}, in.proposals
	return in, true
}

// waiting returns how many proposals wait for the loop.
func (j *Journal) waiting() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.inbox.proposals)
}

// round does all that there is to do now. On a journal of its own it ends when that is durable and answered.
func (j *Journal) round(in inbox) {
	for _, f := range in.calls {
		f()
	}
	for _, s := range in.stored {
		s.g.stored(s)
	}
	for i, p := range in.proposals {
		j.take(p)
		in.proposals[i] = nil
	}
	for {
		j.settle()
		j.flushAll()
		all := j.storing
		j.storing = nil
		if len(all) == 0 {
			return
		}
		if j.clustered() {
			j.commit(all)
			return
		}
		if err := j.write(all); err != nil {
			j.lose(err)
			return
		}
		for _, s := range all {
			s.g.stored(s)
		}
	}
}

// commit hands to the committer what is to be durable.
func (j *Journal) commit(all []*storing) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.commits = append(j.commits, all...)
	if !j.committing {
		j.committing = true
		j.work.Go(j.commitAll)
	}
}

// commitAll writes what the loop has handed over until there is nothing more. There is one such goroutine at a time, and none
// while there is nothing to write. When the tails are full it waits, and with it all who append.
func (j *Journal) commitAll() {
	for {
		j.room(nil)
		j.mu.Lock()
		all := j.commits
		if j.commits = nil; len(all) == 0 {
			j.committing = false
			j.mu.Unlock()
			return
		}
		j.mu.Unlock()
		err := j.write(all)
		j.mu.Lock()
		if err != nil {
			j.inbox.calls = append(j.inbox.calls, func() { j.lose(err) })
		} else {
			j.inbox.stored = append(j.inbox.stored, all...)
		}
		j.wake()
		j.mu.Unlock()
	}
}

// settle looks at each group that something has happened to, until nothing happens any more.
func (j *Journal) settle() {
	for len(j.touched) > 0 {
		touched := j.touched
		j.touched = nil
		for _, g := range touched {
			g.ready()
		}
	}
}

// take gives a proposal to its group.
func (j *Journal) take(p *proposal) {
	g := p.part.group
	if g == nil {
		if err := p.part.lost(); err != nil {
			p.finish(err)
		} else {
			p.part.early = append(slices.DeleteFunc(p.part.early, (*proposal).isLeft), p)
		}
		return
	}
	g.guard(func() { g.propose(p) })
	if g.rn == nil {
		select {
		case <-p.done:
		default:
			p.finish(p.part.lost())
		}
	}
}

// lose ends all groups: what they have handed over may or may not be durable.
func (j *Journal) lose(err error) {
	j.store.died(fmt.Errorf("store: %w", err))
	j.mu.Lock()
	cause, why := j.failure, j.why()
	parts := make([]*partition, 0, len(j.partitions))
	for _, p := range j.partitions {
		parts = append(parts, p)
	}
	j.mu.Unlock()
	for _, p := range parts {
		if p.group != nil {
			p.group.stop(cause, why)
		}
	}
}
