package online

import (
	"context"
	"errors"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// ErrUnknown means that some shard of the directory does not answer, or cannot yet.
var ErrUnknown = errors.New("online: the directory does not know just now")

// ask is a question that shards have not answered yet.
type ask struct {
	waits map[int]bool // for these shards
	found []wire.Subject
	err   error
	done  chan struct{} // closed when all have answered
}

// answered takes a shard's answer. The agent's mutex is held.
func (q *ask) answered(shard int, env *wire.Envelope) {
	if !q.waits[shard] {
		return
	}
	delete(q.waits, shard)
	if env.Has(wire.Refused) {
		q.err = ErrUnknown
	}
	for subject, err := range wire.DecodeSubjects(env.Data) {
		if err != nil {
			q.err = ErrUnknown
			break
		}
		q.found = append(q.found, subject)
	}
	if len(q.waits) == 0 {
		close(q.done)
	}
}

// Look returns those of the subjects that are online, in no order. The error is ErrUnknown when a shard does not answer before ctx is
// done.
func (a *Agent) Look(ctx context.Context, subjects []string) ([]wire.Subject, error) {
	questions := make(map[int][]byte)
	q := &ask{waits: make(map[int]bool), done: make(chan struct{})}
	for _, name := range subjects {
		shard := a.stream(name).number
		questions[shard] = wire.AppendSubject(questions[shard], wire.Subject{Change: wire.SubjectWatched, Name: name})
		q.waits[shard] = true
	}
	if len(questions) == 0 {
		return nil, nil
	}
	a.mu.Lock()
	a.last++
	number := a.last
	a.asks[number] = q
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.asks, number)
	}()
	for shard, data := range questions {
		env := &wire.Envelope{Kind: wire.KindWho, Edge: a.edge, Command: number, Data: data}
		a.sent.Add(1)
		if err := a.bus.Send(Lane, bus.Directory(shard), env); err != nil {
			return nil, ErrUnknown
		}
	}
	select {
	case <-q.done:
		return q.found, q.err
	case <-ctx.Done():
		return nil, ErrUnknown
	}
}
