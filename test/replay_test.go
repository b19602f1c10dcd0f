package test_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/cmd/tutti/replay"
)

// TestReplayWhileKilled plays a recorded editing session while the node is killed again and again in the middle
// of it: every viewer's text and the pad's must be the recording's end, byte for byte.
func TestReplayWhileKilled(t *testing.T) {
	kills, viewers, name := 10, 20, "sequential-friendsforever_flat"
	if testing.Short() {
		kills, viewers, name = 2, 4, "sequential-sveltecomponent"
	}
	recording, err := replay.Read("../testdata/editing-traces/" + name + ".json.gz")
	if err != nil {
		t.Fatal(err)
	}
	rng, d := random(t), startDemo(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()

	// The killer waits for the play to come to its next place, then for some moments, so that it strikes
	// among commands under way.
	var done atomic.Int64
	progress := make(chan struct{}, 1)
	killed := make(chan error, 1)
	go func() {
		killed <- func() error {
			for k := range kills {
				place := int64(len(recording.Transactions)) * int64(k+1) / int64(kills+2)
				for done.Load() < place {
					select {
					case <-progress:
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				<-time.After(time.Duration(rng.IntN(10)) * time.Millisecond)
				if err := d.kill(); err != nil {
					return err
				}
				if err := d.start(ctx); err != nil {
					return err
				}
			}
			return nil
		}()
	}()

	p := replay.Player{
		URL: d.url, Token: d.token, Pad: "killed", Viewers: viewers, Backoff: client.Backoff{Min: 5 * time.Millisecond, Max: 50 * time.Millisecond},
		Progress: func(n int) {
			done.Store(int64(n))
			select {
			case progress <- struct{}{}:
			default: // it will look anyway
			}
		},
	}
	res, err := p.Play(ctx, recording)
	if err != nil {
		cancel()
		t.Fatalf("play: %v (killer: %v)", err, <-killed)
	}
	select {
	case err := <-killed:
		if err != nil {
			t.Fatalf("kill: %v", err)
		}
	default:
		t.Errorf("the play was over after %d kills of %d", d.kills, kills)
		cancel()
		<-killed
	}
	if most := uint64((viewers + 2) * kills); res.Relinks < most/2 {
		t.Errorf("clients lost %d links in %d kills, want up to %d: did the kills strike?", res.Relinks, kills, most)
	}
	if err := d.kill(); err != nil {
		t.Fatal(err)
	}
	if err := d.start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := p.Verify(ctx, recording); err != nil {
		t.Errorf("after the last kill: %v", err)
	}
	t.Logf("%d edits, %d viewers, %d kills in %.1f s; %d links lost, %d states; longest start %d ms",
		res.Edits, viewers, kills, res.Took.Seconds(), res.Relinks, res.States, d.slow.Milliseconds())
}
