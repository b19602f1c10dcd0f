package soak

import (
	"fmt"
	"sync"
)

// Failure is one promise that was not kept.
type Failure struct {
	Entity   string `json:"entity"`
	Revision uint64 `json:"rev,omitempty"`
	Broken   string `json:"broken"`            // what should be and is not
	Told     string `json:"told,omitempty"`    // what a client was told
	Journal  string `json:"journal,omitempty"` // what the journal holds
}

// String returns the failure in one line.
func (f Failure) String() string {
	s := fmt.Sprintf("%s at revision %d: %s", f.Entity, f.Revision, f.Broken)
	if f.Told != "" {
		s += "; told: " + f.Told
	}
	if f.Journal != "" {
		s += "; journal: " + f.Journal
	}
	return s
}

// maxFailures is how many failures are kept in full.
const maxFailures = 50

// Failures gathers failures. It is safe for concurrent use.
type Failures struct {
	mu    sync.Mutex
	count int
	first []Failure
}

func (f *Failures) add(one Failure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count++; len(f.first) < maxFailures {
		f.first = append(f.first, one)
	}
}

// All returns how many failures there were, and the first of them.
func (f *Failures) All() (int, []Failure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count, append([]Failure(nil), f.first...)
}
