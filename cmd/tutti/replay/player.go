package replay

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/internal/text"
)

// Player plays recordings. URL, Token and Pad are required; other zero fields mean the defaults
// named there.
type Player struct {
	URL      string // http://host:port
	Token    func(sub string) (string, error)
	Pad      string         // id of the pad, which must be empty
	Writers  int            // default 2
	Viewers  int            // default none
	Speed    float64        // 1: as recorded; 0: as fast as it goes
	Backoff  client.Backoff // of all clients
	Progress func(done int) // edits that are durable; called from one goroutine; may be nil
}

// burst is how many edits a writer sends before it waits for the answers and the next one goes on. One
// connection keeps its commands in order, also across reconnects; between two writers only an answer does.
const burst = 64

// Result is how a play went.
type Result struct {
	Edits     int           `json:"edits"`
	Took      time.Duration `json:"took_ns"` // until the last viewer had the whole text
	Typed     time.Duration `json:"typed_ns"`
	Events    uint64        `json:"events"`     // that viewers followed
	States    uint64        `json:"states"`     // that viewers began from, or were given instead of events
	Relinks   uint64        `json:"relinks"`    // times that a client was without a link or failed to get one
	PerSecond float64       `json:"per_second"` // durable edits
}

// Play plays r and returns once every viewer, and whoever asks the pad, has the recording's end. The error
// is a *Difference, wrapped with who has it, when somebody has another text.
func (p Player) Play(ctx context.Context, r *Recording) (*Result, error) {
	if p.Writers == 0 {
		p.Writers = 2
	}
	writers, err := p.openAll(ctx, "writer", p.Writers, true)
	defer closeAll(writers)
	if err != nil {
		return nil, err
	}
	if err := p.mustBeEmpty(ctx, writers[0]); err != nil {
		return nil, err
	}
	viewers, err := p.openAll(ctx, "viewer", p.Viewers, false)
	defer closeAll(viewers)
	if err != nil {
		return nil, err
	}
	res, err := p.play(ctx, r, writers, viewers)
	if err != nil {
		return res, err
	}
	return res, p.Verify(ctx, r)
}

// play writes the recording while the viewers follow.
func (p Player) play(ctx context.Context, r *Recording, writers, viewers []*client.Client) (*Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		edits     = r.edits()
		res       = &Result{Edits: len(edits)}
		audience  audience
		following sync.WaitGroup
		watching  = audience.watchLinks(ctx, append(writers[:len(writers):len(writers)], viewers...))
		began     = time.Now()
	)
	for i, c := range viewers {
		following.Go(func() {
			got, err := audience.follow(ctx, c, uint64(len(edits)))
			if err == nil {
				err = r.Compare(got)
			}
			if err != nil {
				cancel(fmt.Errorf("viewer %d: %w", i, err)) // the others need not go on
			}
		})
	}
	if err := p.write(ctx, writers, edits); err != nil {
		cancel(err) // does nothing where a viewer failed first
	}
	res.Typed = time.Since(began)
	following.Wait()
	res.Took = time.Since(began)
	err := context.Cause(ctx)
	cancel(nil)
	watching.Wait()
	res.PerSecond = float64(len(edits)) / res.Typed.Seconds()
	res.Events, res.States, res.Relinks = audience.events.Load(), audience.states.Load(), audience.relinks.Load()
	return res, err
}

// write sends the edits in order.
func (p Player) write(ctx context.Context, writers []*client.Client, edits []Transaction) error {
	step := burst
	if p.Speed > 0 {
		step = 1
	}
	calls := make([]*client.Call, 0, step)
	for from := 0; from < len(edits); from += step {
		part := edits[from:min(from+step, len(edits))]
		if err := p.pause(ctx, edits, from); err != nil {
			return err
		}
		w := writers[from/step%len(writers)]
		calls = calls[:0]
		for _, x := range part {
			call, err := w.Start(ctx, client.Command{Name: "edit", Data: patches{x.Patches}})
			if err != nil {
				return fmt.Errorf("edit %d: %w", from+len(calls), err)
			}
			calls = append(calls, call)
		}
		for i, call := range calls {
			ack, err := call.Wait(ctx)
			if err != nil {
				return fmt.Errorf("edit %d: %w", from+i, err)
			}
			if own, last := uint64(from+i+1), uint64(from+len(part)); ack.Revision < own || ack.Revision > last {
				return fmt.Errorf("edit %d of an empty pad was acknowledged at revision %d: edits are lost or doubled", from+i, ack.Revision)
			}
		}
		if p.Progress != nil {
			p.Progress(from + len(part))
		}
	}
	return nil
}

// pause waits for as long as the writer of edit i did in the recording, at the player's speed.
func (p Player) pause(ctx context.Context, edits []Transaction, i int) error {
	if p.Speed == 0 || i == 0 || edits[i-1].Time.IsZero() {
		return ctx.Err()
	}
	timer := time.NewTimer(time.Duration(float64(edits[i].Time.Sub(edits[i-1].Time)) / p.Speed))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// patches is the data of command edit and event edited.
type patches struct {
	Patches text.Patches `json:"patches"`
}
