package node // in-package: what the log says of a bus that is cut

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/journal"
)

// TestSilenceOnTheBus: of a node that is connected and not heard the log tells once, and once more when it is heard again.
func TestSilenceOnTheBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		var up, heard atomic.Bool
		s := &silence{
			nodes: func() cluster.Registry {
				return cluster.Registry{Nodes: []cluster.Node{{ID: 1, Name: "self", State: true}, {ID: 2, Name: "b", State: true, Routes: "b:1"}, {ID: 3, Name: "c", State: true}, {ID: 4, Name: "d"}}}
			},
			up:    func(id journal.NodeID) bool { return id == 2 && up.Load() || id == 4 },
			heard: func(name string) bool { return name == "b" && heard.Load() },
			log:   slog.New(slog.NewTextHandler(&logged, nil)),
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.run(ctx) }()
		for _, step := range []struct {
			up, heard     bool
			errors, again int
		}{
			{true, true, 0, 0}, {true, false, 1, 0}, {true, true, 1, 1}, {false, false, 1, 1}, {true, false, 2, 1}, {false, false, 2, 1}, {true, true, 2, 1},
		} {
			up.Store(step.up)
			heard.Store(step.heard)
			time.Sleep(time.Minute)
			synctest.Wait()
			text := logged.String()
			if errors, again := strings.Count(text, "level=ERROR"), strings.Count(text, "heard on the bus again"); errors != step.errors || again != step.again {
				t.Fatalf("after %+v:\n%s", step, text)
			}
		}
		if text := logged.String(); strings.Count(text, "node=b") != 3 || strings.Count(text, "routes=b:1") != 2 {
			t.Errorf("the log does not say whom it is about:\n%s", text)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		heard.Store(false)
		logged.Reset()
		for range 3 { // at once, as where the process has stood still
			s.look(time.Now())
		}
		if logged.Len() > 0 {
			t.Errorf("a process that has stood still says %s", logged.String())
		}
	})
}
