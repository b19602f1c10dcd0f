package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// askTime is how long an answer of the entity is waited for.
const askTime = 3 * time.Second

// entity asks the entity that knows the nodes, wherever it is owned.
type entity struct {
	bus       bus.Bus
	from      string // the edge that answers go to
	lane      string
	partition journal.Partition

	mu      sync.Mutex
	last    uint64
	waiting map[uint64]chan<- *wire.Envelope // as many as callers
}

func newEntity(b bus.Bus, node string, partitions int) *entity {
	o := cluster.Members.Untyped().Options.WithDefaults()
	return &entity{
		bus: b, from: node + ".cluster", lane: o.Lane, waiting: make(map[uint64]chan<- *wire.Envelope),
		partition: journal.Partition{Pool: o.Pool, Number: wire.Partition(cluster.Members.Name(), cluster.MembersID, partitions)},
	}
}

// listen takes answers until stop is called.
func (e *entity) listen() (stop func(), err error) { return e.bus.Listen(bus.Edge(e.from), e.take) }

func (e *entity) take(env *wire.Envelope) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if answer := e.waiting[env.Command]; answer != nil {
		delete(e.waiting, env.Command) // there is one answer
		answer <- env
	}
}

// claims are those of all who speak for the platform.
var claims = []byte(`{"sub":"tutti"}`)

func (e *entity) exchange(ctx context.Context, env *wire.Envelope) (*wire.Envelope, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	answer := make(chan *wire.Envelope, 1)
	e.mu.Lock()
	e.last++
	number := e.last
	e.waiting[number] = answer
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.waiting, number)
	}()
	env.Category, env.ID, env.Claims = cluster.Members.Name(), cluster.MembersID, claims
	env.Edge, env.Command, env.Sent = e.from, number, time.Now().UnixMicro()
	if err := e.bus.Send(e.lane, bus.Owner(e.partition.Pool, e.partition.Number), env); err != nil {
		return nil, refuse(CodeUnavailable, "the registry is not reachable: %v", err)
	}
	select {
	case got := <-answer:
		return got, refused(got)
	case <-ctx.Done():
		return nil, refuse(CodeUnavailable, "the registry has not answered")
	}
}

// refused returns the refusal that env is, if it is one.
func refused(env *wire.Envelope) error {
	switch {
	case !env.Has(wire.Refused):
		return nil
	case env.Code == wire.CodeUnavailable || env.Code == wire.CodeOverloaded || env.Code == wire.CodeUnknown || env.Code == wire.CodeInternal:
		return refuse(CodeUnavailable, "%s: %s", env.Code, env.Message)
	}
	return &Refusal{Code: env.Code, Message: env.Message}
}

// command has the entity carry out a command, decodes its reply unless reply is nil, and returns the revision after it.
// The error is a *Refusal; whether a command was carried out that is unavailable is not known.
func (e *entity) command(ctx context.Context, name string, command, reply any) (revision uint64, err error) {
	data, err := json.Marshal(command)
	if err != nil {
		return 0, fmt.Errorf("ask the registry: %w", err)
	}
	got, err := e.exchange(ctx, &wire.Envelope{Kind: wire.KindCall, Name: name, Data: data})
	if err != nil {
		return 0, err
	}
	if reply != nil {
		if err := json.Unmarshal(got.Data, reply); err != nil {
			return 0, fmt.Errorf("ask the registry: its reply: %w", err)
		}
	}
	return got.Revision, nil
}

// errSame means that the registry is the one that is known.
var errSame = errors.New("control: no newer registry")

// view returns the registry as it is, and its revision, or errSame if cursor is that of it.
func (e *entity) view(ctx context.Context, cursor *wire.Cursor) (cluster.Registry, uint64, error) {
	var r cluster.Registry
	got, err := e.exchange(ctx, &wire.Envelope{Kind: wire.KindView, Data: []byte(cursor.String())})
	switch {
	case err != nil:
		return r, 0, err
	case got.Has(wire.Resumed):
		return r, got.Revision, errSame
	}
	if err := json.Unmarshal(got.Data, &r); err != nil {
		return r, 0, fmt.Errorf("read the registry: %w", err)
	}
	*cursor = wire.Cursor{Epoch: got.Epoch, Revision: got.Revision}
	return r.Public(), got.Revision, nil
}
