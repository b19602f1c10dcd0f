package node // in-package: what comes first within a node

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/bus/ownerbus"
	"github.com/tutti-rt/tutti/cluster/control"
	"github.com/tutti-rt/tutti/wire"
)

// TestOwnersThatAnswerAtOnce has the owners be known before anything else of a node has begun, which then serves; without one of them it
// waits, and says for whom.
func TestOwnersThatAnswerAtOnce(t *testing.T) {
	for what, missing := range map[string]int{"all": 0, "all but one": 1} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, err := New(Config{
					Categories: []*tutti.Category{bells()}, Partitions: 3, Auth: auth.Config{Keys: []auth.Source{auth.Secret(make([]byte, 32))}},
				})
				if err != nil {
					t.Fatal(err)
				}
				ctx, end := context.WithCancel(t.Context())
				var running sync.WaitGroup
				run := func(f func(context.Context) error) {
					running.Go(func() {
						if err := f(ctx); err != nil && !errors.Is(err, context.Canceled) {
							t.Error(err)
						}
					})
				}
				between := localbus.New()
				var routers [2]*ownerbus.Bus
				for i, name := range []string{"owner", "starts"} {
					if routers[i], err = ownerbus.New(ownerbus.Config{Bus: between, Node: name}); err != nil {
						t.Fatal(err)
					}
				}
				run(routers[0].Run)
				for pool, partitions := range n.pools() {
					for i := range partitions - missing {
						if _, err := routers[0].Listen(bus.Owner(pool, i), func(*wire.Envelope) {}); err != nil {
							t.Fatal(err)
						}
					}
				}
				synctest.Wait()
				var logged bytes.Buffer
				j := &joined{router: routers[1], follower: &control.Follower{}, log: slog.New(slog.NewTextHandler(&logged, nil))}
				begin := func(name string, f func(context.Context) error) {
					if name == "search for owners" {
						run(f)
						time.Sleep(5 * time.Second) // it has heard everybody
					}
				}
				owners := j.begin(n, begin)
				defer owners.stop()
				limit, stop := context.WithTimeout(ctx, 55*time.Second)
				defer stop()
				began := time.Now()
				err = j.takeOver(limit, owners, begin)
				switch took := time.Since(began); {
				case missing == 0 && (err != nil || took > time.Second):
					t.Errorf("takeOver = %v after %v", err, took)
				case missing > 0 && !errors.Is(err, context.DeadlineExceeded):
					t.Errorf("takeOver = %v", err)
				}
				if says := strings.Count(logged.String(), "owner.default.2"); missing > 0 && says != 5 {
					t.Errorf("%d times it said for whom it waits:\n%s", says, logged.String())
				}
				end()
				running.Wait()
			})
		})
	}
}
