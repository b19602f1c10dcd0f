package control_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/cluster/control"
)

// TestSecondStartWhileOthersStandStill has a copy of a running node's directory be started while those who could say so cannot, or have lost the
// running one for a moment: as where one machine has stood still for a second.
func TestSecondStartWhileOthersStandStill(t *testing.T) {
	type call = func(ctx context.Context, address, service string, request []byte) ([]byte, error)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 8)
		w.begin("a", "b", "c")
		w.settle(3 * time.Minute)
		b := w.nodes["b"]
		enter := func(through call) error {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "node.json"), b.identity(), 0o600); err != nil {
				t.Fatal(err)
			}
			n := b.node
			n.Name = "b"
			_, err := control.Enter(t.Context(), control.Entry{Dir: dir, Cluster: "prod", Node: n, Call: through})
			return err
		}
		began := time.Now()
		for what, through := range map[string]call{
			"they answer": b.CallAt,
			"they stand still": func(ctx context.Context, address, service string, request []byte) ([]byte, error) {
				if time.Since(began) < time.Second {
					time.Sleep(500 * time.Millisecond)
					return nil, os.ErrDeadlineExceeded
				}
				return b.CallAt(ctx, address, service, request)
			},
			"they have lost it": func(ctx context.Context, address, service string, request []byte) ([]byte, error) {
				text, err := b.CallAt(ctx, address, service, request)
				if time.Since(began) < 50*time.Millisecond {
					text = []byte(strings.Replace(string(text), `"up":true`, `"up":false`, 1))
				}
				return text, err
			},
		} {
			began = time.Now()
			if err := enter(through); !errors.Is(err, control.ErrTwice) {
				t.Errorf("a second start while %s = %v, want ErrTwice", what, err)
			}
		}
		// c is not reached, and a has lost b for a moment.
		began = time.Now()
		silentC := func(ctx context.Context, address, service string, request []byte) ([]byte, error) {
			if address == w.nodes["c"].node.Address {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			text, err := b.CallAt(ctx, address, service, request)
			if time.Since(began) < 50*time.Millisecond {
				text = []byte(strings.Replace(string(text), `"up":true`, `"up":false`, 1))
			}
			return text, err
		}
		if err := enter(silentC); !errors.Is(err, control.ErrTwice) {
			t.Errorf("a second start while one of two has lost it and the other is silent = %v, want ErrTwice", err)
		}
		b.kill()
		// a has not missed b yet, and c is slow.
		began = time.Now()
		if err := enter(func(ctx context.Context, address, service string, request []byte) ([]byte, error) {
			if address == w.nodes["c"].node.Address {
				time.Sleep(150 * time.Millisecond)
				return nil, errors.New("connection refused")
			}
			text, err := b.CallAt(ctx, address, service, request)
			if time.Since(began) < 500*time.Millisecond {
				text = []byte(strings.Replace(string(text), `"data":{`, `"data":{"up":true,`, 1))
			}
			return text, err
		}); err != nil || time.Since(began) > 1500*time.Millisecond {
			t.Errorf("a start when it has been missed = %v after %s, want none soon", err, time.Since(began))
		}
		for what, through := range map[string]call{
			"it has ended": b.CallAt,
			"nobody is there": func(context.Context, string, string, []byte) ([]byte, error) {
				return nil, errors.New("connection refused")
			},
		} {
			began = time.Now()
			if err := enter(through); err != nil || time.Since(began) > 500*time.Millisecond {
				t.Errorf("a start where %s = %v after %s, want none at once", what, err, time.Since(began))
			}
		}
		began = time.Now()
		silent := func(ctx context.Context, _, _ string, _ []byte) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		if err := enter(silent); err != nil || time.Since(began) > 3*time.Second {
			t.Errorf("a start while nobody answers = %v after %s, want none after two seconds", err, time.Since(began))
		}
	})
}
