package witness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/internal/histories"
	"github.com/tutti-rt/tutti/wire"
)

// Witness is one client. Its fields are set before its first method is called. It is safe for concurrent use.
type Witness struct {
	Client   *client.Client
	Recorder *histories.Recorder
	Category string
	ID       string
	Name     string // what it is called; unlike those of others
	Number   int    // as histories.Op has it
	// Epoch is that of the entity which any witness of it was shown last.
	Epoch *atomic.Pointer[string]
	// Trouble is called when a promise was broken, with what was told.
	Trouble func(entity, broken, told string)
	// Reached is called with the revision of each command that is acknowledged. Nil: nothing is.
	Reached func(revision uint64)

	waiting atomic.Int64
	shown   atomic.Uint64
	calls   sync.WaitGroup
}

// Entity returns what the witness is at.
func (w *Witness) Entity() string { return w.Category + "/" + w.ID }

// Waiting returns how many commands, queries and other questions have no answer yet.
func (w *Witness) Waiting() int { return int(w.waiting.Load()) }

// Shown returns the revision that the client was shown last.
func (w *Witness) Shown() uint64 { return w.shown.Load() }

// Wait returns when every question has its answer. It is called once nothing is asked any more: closing the client answers all.
func (w *Witness) Wait() { w.calls.Wait() }

// Go asks something in a goroutine that Wait waits for.
func (w *Witness) Go(ask func()) {
	w.waiting.Add(1)
	w.calls.Go(func() {
		defer w.waiting.Add(-1)
		ask()
	})
}

// Command sends a command, unless ctx is done, and has its outcome taken down.
func (w *Witness) Command(ctx context.Context, c client.Command) {
	data, err := json.Marshal(c.Data)
	if err != nil {
		panic(fmt.Sprintf("witness: encode %T: %v", c.Data, err)) // the types here can all be encoded
	}
	o := histories.Op{Client: w.Number, Name: c.Name, Data: data, HasExpect: c.HasExpect, Expect: c.Expect, Began: w.Recorder.Now()}
	call, err := w.Client.Start(ctx, c)
	if err != nil {
		return // it has not been sent
	}
	w.Go(func() {
		ack, err := call.Wait(context.WithoutCancel(ctx)) // Close settles it, if nothing else does
		o.Ended, o.Member, o.ID = w.Recorder.Now(), w.Client.Member(), call.ID()
		rejected, no := errors.AsType[*client.Rejected](err)
		switch {
		case err == nil:
			o.Outcome, o.Revision, o.Reply = histories.Acked, ack.Revision, ack.Reply
			if w.Reached != nil {
				w.Reached(ack.Revision)
			}
		case no:
			o.Outcome, o.Code = histories.Rejected, rejected.Code
		}
		w.Recorder.Did(w.Category, w.ID, o)
	})
}

// Query asks for the state, which is linearizable.
func (w *Witness) Query(ctx context.Context) {
	o := histories.Op{Client: w.Number, Query: true, Name: "get", Began: w.Recorder.Now()}
	w.Go(func() {
		answer, err := w.Client.Query(context.WithoutCancel(ctx), "get", nil) // Close ends it
		o.Ended = w.Recorder.Now()
		rejected, no := errors.AsType[*client.Rejected](err)
		switch {
		case err == nil:
			o.Outcome, o.Revision, o.Reply = histories.Acked, answer.Revision, answer.Data
		case no:
			o.Outcome, o.Code = histories.Rejected, rejected.Code
			if rejected.Code != wire.CodeUnavailable && rejected.Code != wire.CodeOverloaded {
				w.Trouble(w.Entity(), "a query is not rejected so", err.Error())
			}
		}
		w.Recorder.Did(w.Category, w.ID, o)
	})
}

// Look takes down what the client is shown, until it is closed.
func (w *Witness) Look(ctx context.Context) {
	saw := func(s histories.Sight) {
		w.shown.Store(s.Revision)
		w.Recorder.Saw(w.Category, w.ID, w.Name, s)
	}
	for u, err := range w.Client.Updates(context.WithoutCancel(ctx)) {
		at := w.Recorder.Now()
		if err != nil {
			w.Trouble(w.Entity(), "no client is told of an error", w.Name+": "+err.Error())
			return
		}
		switch u := u.(type) {
		case client.State:
			epoch := w.Client.Cursor().Epoch
			if old := w.Epoch.Swap(&epoch); old != nil && *old != epoch {
				w.Trouble(w.Entity(), "the epoch of an entity stays the same", fmt.Sprintf("%s: %q after %q", w.Name, epoch, *old))
			}
			saw(histories.Sight{At: at, State: true, Event: histories.Event{Revision: u.Revision, Data: u.Data}})
		case client.Event:
			saw(histories.Sight{At: at, Event: histories.Event{Revision: u.Revision, Name: u.Name, Data: u.Data, By: u.By, Command: u.Command}})
		}
	}
}
