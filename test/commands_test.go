package test_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/journal/diskjournal"
)

// TestCommandsWhileKilled kills the node again and again under random commands of many clients: no
// acknowledged command is lost, none is applied twice, none that was rejected is applied, and what every client saw is
// what the replay of the journal gives.
func TestCommandsWhileKilled(t *testing.T) {
	kills := 100
	if testing.Short() {
		kills = 5
	}
	rng, d := random(t), startDemo(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()

	members := joinAll(t, ctx, d, rng)
	stop := make(chan struct{})
	var chatting, observing sync.WaitGroup
	errs := make(chan error, 2*len(members))
	for _, m := range members {
		chatting.Go(func() { errs <- m.chatter(ctx, stop) })
		observing.Go(func() { errs <- m.observe(ctx) })
	}
	var visitors []*member
	for range kills {
		<-time.After(time.Duration(20+rng.IntN(300)) * time.Millisecond)
		if err := d.kill(); err != nil {
			t.Fatal(err)
		}
		if err := d.start(ctx); err != nil {
			t.Fatal(err)
		}
		v, err := visit(ctx, d, members[rng.IntN(len(members))].entity)
		if err != nil {
			t.Fatal(err)
		}
		visitors = append(visitors, v)
	}
	close(stop)
	chatting.Wait()
	settle(t, ctx, members)
	for _, m := range members {
		m.client.Close()
	}
	observing.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := d.kill(); err != nil {
		t.Fatal(err)
	}
	compareAll(t, ctx, d, append(members, visitors...))
}

// joinAll connects some members to some entities of every kind.
func joinAll(t *testing.T, ctx context.Context, d *victim, rng *rand.Rand) []*member {
	t.Helper()
	var members []*member
	for category, n := range map[string]int{"counter": 4, "room": 2, "board": 2} {
		for entity := range n {
			for i := range 4 {
				m, err := join(ctx, d, fmt.Sprintf("%s/killed-%d", category, entity), fmt.Sprintf("sub-%d", i), rand.New(rand.NewPCG(rng.Uint64(), 0)))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { m.client.Close() })
				members = append(members, m)
			}
		}
	}
	return members
}

// settle waits until every member has seen what any of them was told of its entity.
func settle(t *testing.T, ctx context.Context, members []*member) {
	t.Helper()
	last := make(map[string]uint64)
	for _, m := range members {
		for _, s := range m.sent {
			last[m.entity] = max(last[m.entity], s.ack.Revision)
		}
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for _, m := range members {
		for m.seen() < last[m.entity] {
			select {
			case <-tick.C:
			case <-ctx.Done():
				t.Fatalf("a member of %s saw up to %d of %d: %v", m.entity, m.seen(), last[m.entity], m.client.Status())
			}
		}
	}
}

// compareAll reads the journal that the last kill left, and holds everything against it.
func compareAll(t *testing.T, ctx context.Context, d *victim, members []*member) {
	t.Helper()
	j, err := diskjournal.Open(d.data, diskjournal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	histories, err := readHistories(ctx, j)
	if err != nil {
		t.Fatal(err)
	}
	byEntity := make(map[string][]*member)
	for _, m := range members {
		byEntity[m.entity] = append(byEntity[m.entity], m)
	}
	var sum tally
	for entity, here := range byEntity {
		h := histories[entity]
		if h == nil {
			t.Errorf("the journal has nothing of %s", entity)
			continue
		}
		if err := compare(h, here, &sum); err != nil {
			t.Errorf("%s: %v", entity, err)
		}
	}
	if sum.acked == 0 || sum.rejected == 0 || sum.events == 0 || sum.states < len(members) {
		t.Errorf("compared %+v: too little to show anything", sum)
	}
	t.Logf("%d kills, longest start %d ms; compared %+v", d.kills, d.slow.Milliseconds(), sum)
}
