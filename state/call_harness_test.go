package state_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// answers are what came back for calls and questions for views, by number.
type answers struct {
	mu   sync.Mutex
	last uint64
	by   map[uint64]*wire.Envelope
}

func (a *answers) take(e *wire.Envelope) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.by[e.Command] != nil {
		panic("answered twice")
	}
	a.by[e.Command] = e
}

// post sends a call or a question for a view of sub, and returns its number.
func (w *world) post(kind wire.Kind, entity, sub string, options ...func(*wire.Envelope)) uint64 {
	w.t.Helper()
	claims, err := json.Marshal(tutti.Claims{Subject: sub})
	if err != nil {
		w.t.Fatal(err)
	}
	w.answers.mu.Lock()
	if w.answers.by == nil {
		w.answers.by = make(map[uint64]*wire.Envelope)
	}
	w.answers.last++
	number := w.answers.last
	w.answers.mu.Unlock()
	category, id, _ := cutEntity(entity)
	e := &wire.Envelope{Kind: kind, Category: category, ID: id, Edge: edgeName, Command: number, Claims: claims, Sent: time.Now().UnixMicro()}
	for _, o := range options {
		o(e)
	}
	if err := w.bus.Send("default", bus.Owner("default", wire.Partition(category, id, 4)), e); err != nil {
		w.t.Fatalf("send: %v", err)
	}
	return number
}

func cutEntity(s string) (category, id string, ok bool) {
	for i := range s {
		if s[i] == '/' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func withKey(key string) func(*wire.Envelope) { return func(e *wire.Envelope) { e.Key = key } }

func expecting(rev uint64) func(*wire.Envelope) {
	return func(e *wire.Envelope) { e.Flags, e.Expect = e.Flags|wire.HasExpect, rev }
}

func naming(name, data string) func(*wire.Envelope) {
	return func(e *wire.Envelope) { e.Name, e.Data = name, []byte(data) }
}

func having(cursors string) func(*wire.Envelope) {
	return func(e *wire.Envelope) { e.Data = []byte(cursors) }
}

// answer waits until nothing happens any more and returns what came for that number, in a few words.
func (w *world) answer(number uint64) string {
	w.t.Helper()
	return said(w.got(number))
}

// got waits until nothing happens any more and returns what came for that number, nil for nothing.
func (w *world) got(number uint64) *wire.Envelope {
	w.t.Helper()
	synctest.Wait()
	w.answers.mu.Lock()
	defer w.answers.mu.Unlock()
	return w.answers.by[number]
}

func said(e *wire.Envelope) string {
	switch {
	case e == nil:
		return "nothing"
	case e.Has(wire.Refused | wire.Denied):
		return "denied " + e.Code
	case e.Has(wire.Refused):
		return "refused " + e.Code
	case e.Kind == wire.KindSight && e.Has(wire.Resumed):
		return fmt.Sprintf("has %d", e.Revision)
	}
	return fmt.Sprintf("%d %s", e.Revision, e.Data)
}

// call calls an entity and returns the answer.
func (w *world) call(entity, sub, name, data string, options ...func(*wire.Envelope)) string {
	w.t.Helper()
	return w.answer(w.post(wire.KindCall, entity, sub, append([]func(*wire.Envelope){naming(name, data)}, options...)...))
}

// look asks for an entity's view.
func (w *world) look(entity, sub string, options ...func(*wire.Envelope)) string {
	w.t.Helper()
	return w.answer(w.post(wire.KindView, entity, sub, options...))
}
