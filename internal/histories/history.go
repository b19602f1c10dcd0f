package histories

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Outcome is how a command or query ended.
type Outcome uint8

// The outcomes.
const (
	Unknown  Outcome = iota // nobody was told; a command may have had its effect, or have it yet
	Acked                   // acknowledged, or answered
	Rejected                // it changed nothing
)

// Op is a command or a query, and what became of it.
type Op struct {
	Client int    // who asked
	Member string // what others see of who asked
	ID     uint64 // of the command, among those of the connection
	Query  bool
	Name   string
	Data   []byte // JSON

	HasExpect bool
	Expect    uint64

	Began, Ended time.Duration // since the recorder was made; who asks notes the first before, and the second after
	Outcome      Outcome
	Revision     uint64
	Reply        []byte // JSON, may be missing; of a query the answer
	Code         string // of a rejection
}

// Event is one of an entity's stream.
type Event struct {
	Revision uint64
	Name     string
	Data     []byte
	By       string // member whose command caused it
	Command  uint64 // id of that command
}

// Sight is an event that a viewer was shown, or a state as of that revision.
type Sight struct {
	At    time.Duration // noted after it had come
	State bool
	Event
}

// History is all that was told of one entity.
type History struct {
	Category, ID string
	Ops          []Op
	Sights       map[string][]Sight // by viewer, in the order of their coming
	Final        []Event            // the stream as it is in the end
}

// Name is the entity's.
func (h *History) Name() string { return h.Category + "/" + h.ID }

// Violation is a promise that was not kept.
type Violation struct {
	Entity   string `json:"entity"`
	Revision uint64 `json:"rev,omitempty"`
	Broken   string `json:"broken"` // the promise
	Told     string `json:"told,omitempty"`
	Stored   string `json:"stored,omitempty"`
}

// String says it in one line.
func (v Violation) String() string {
	s := fmt.Sprintf("%s at revision %d: broken: %s", v.Entity, v.Revision, v.Broken)
	if v.Told != "" {
		s += "; told: " + v.Told
	}
	if v.Stored != "" {
		s += "; stored: " + v.Stored
	}
	return s
}

// Recorder takes down what clients are told. It is safe for concurrent use, and keeps all of it in memory.
type Recorder struct {
	began time.Time

	mu  sync.Mutex
	all map[[2]string]*History
}

// NewRecorder returns one whose time begins now.
func NewRecorder() *Recorder {
	return &Recorder{began: time.Now(), all: make(map[[2]string]*History)}
}

// Now is the time since the recorder was made.
func (r *Recorder) Now() time.Duration { return time.Since(r.began) }

// Did takes down a command or query that has ended, or that nobody waits for any more.
func (r *Recorder) Did(category, id string, op Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.history(category, id)
	h.Ops = append(h.Ops, op)
}

// Saw takes down what a viewer was shown.
func (r *Recorder) Saw(category, id, viewer string, s Sight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.history(category, id)
	h.Sights[viewer] = append(h.Sights[viewer], s)
}

// Ended takes down the entity's final stream.
func (r *Recorder) Ended(category, id string, events []Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history(category, id).Final = events
}

// history returns that of the entity. The caller holds mu.
func (r *Recorder) history(category, id string) *History {
	key := [2]string{category, id}
	h := r.all[key]
	if h == nil {
		h = &History{Category: category, ID: id, Sights: make(map[string][]Sight)}
		r.all[key] = h
	}
	return h
}

// Histories returns all histories, by name. Nobody records any more.
func (r *Recorder) Histories() []*History {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*History
	for _, h := range r.all {
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b *History) int {
		if a.Name() < b.Name() {
			return -1
		}
		return 1
	})
	return all
}
