package platform

import (
	"time"

	"github.com/tutti-rt/tutti"
)

// Revocation is the id of the only entity of Revocations.
const Revocation = "all"

// Bounds of the list.
const (
	MaxTerminations = 10_000
	maxListBytes    = 4 << 20
)

// Termination is an operator's word that a subject, or the connection of a member, is to be ended, and that tokens issued
// before are refused from then on. Either Sub is set or the other three.
type Termination struct {
	Sub      string `json:"sub,omitempty"`
	Category string `json:"category,omitempty"`
	ID       string `json:"id,omitempty"`
	Member   string `json:"member,omitempty"`

	Message string    `json:"message,omitempty"` // what clients are told
	At      time.Time `json:"at,omitzero"`       // when it was said; in a request: now
	Until   time.Time `json:"until,omitzero"`    // when it ends; zero: never
}

// Key tells what is terminated from everything else.
func (t *Termination) Key() Key { return Key{t.Sub, t.Category, t.ID, t.Member} }

// Key is the subject or member of a Termination.
type Key struct{ Sub, Category, ID, Member string }

// Over reports whether the termination has ended.
func (t *Termination) Over(now time.Time) bool { return !t.Until.IsZero() && !now.Before(t.Until) }

// Refuses reports whether it refuses a token issued at that time: every one that is not known to have been issued later, in
// whole seconds, as tokens tell the time.
func (t *Termination) Refuses(issued time.Time) bool {
	return issued.IsZero() || issued.Unix() <= t.At.Unix()
}

func (t *Termination) bytes() int {
	return 128 + len(t.Sub) + len(t.Category) + len(t.ID) + len(t.Member) + len(t.Message)
}

// Terminate puts a termination on the list, in place of one of the same subject or member. The reply is the termination.
type Terminate struct{ Termination }

// Terminated says that a termination stands.
type Terminated struct{ Termination }

// List is the state of the entity: the terminations that stand, in the order in which they were said.
type List struct {
	Terminations []Termination `json:"terminations"`
}

// Head asks for nothing: the answer's revision says whether whoever asks has everything.
type Head struct{}

// Revocations are the terminations.
var Revocations = tutti.NewCategory(Prefix+"revocation",
	tutti.OnQuery(func(*tutti.Turn[List], Head) (struct{}, error) { return struct{}{}, nil }, tutti.Name("head")),
	tutti.OnCommand(terminate, tutti.Name("terminate")),
	tutti.OnEvent(func(s *List, e Terminated) { s.Apply(e.Termination) }, tutti.Name("terminated")),
)

func terminate(t *tutti.Turn[List], c Terminate) error {
	c.At = t.State().after(t.Now().UTC().Round(0), c.Key())
	if n, bytes := t.State().standing(c.At, c.Key()); n >= MaxTerminations || bytes+c.bytes() > maxListBytes {
		return tutti.Reject(CodeFull, "as many terminations stand as may")
	}
	t.Emit(Terminated(c))
	t.Reply(c.Termination)
	return nil
}

// after returns when k is terminated that is terminated now. A clock that was set back makes no token good again that was refused.
func (s *List) after(now time.Time, k Key) time.Time {
	for i := range s.Terminations {
		if have := &s.Terminations[i]; have.Key() == k && have.At.After(now) {
			return have.At
		}
	}
	return now
}

// standing returns how many terminations stand, but for that of k, and their size.
func (s *List) standing(now time.Time, k Key) (n, bytes int) {
	for i := range s.Terminations {
		if have := &s.Terminations[i]; !have.Over(now) && have.Key() != k {
			n++
			bytes += have.bytes()
		}
	}
	return n, bytes
}

// Apply puts a termination on the list and takes off what is over, or what it replaces.
func (s *List) Apply(t Termination) {
	k, kept := t.Key(), s.Terminations[:0]
	for _, have := range s.Terminations {
		if !have.Over(t.At) && have.Key() != k {
			kept = append(kept, have)
		}
	}
	s.Terminations = append(kept, t)
}
