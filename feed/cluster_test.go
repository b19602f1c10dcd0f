package feed_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tutti-rt/tutti/feed"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
)

// peers are the ways of one node to the others, each with a queue.
type peers struct {
	ways  map[journal.NodeID]chan []byte
	nodes map[journal.NodeID]*diskjournal.Journal
}

func (p *peers) Send(to journal.NodeID, frame []byte) bool {
	select {
	case p.ways[to] <- frame:
		return true
	default:
		return false
	}
}

func (p *peers) Fetch(ctx context.Context, from journal.NodeID, request []byte) (io.ReadCloser, error) {
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(p.nodes[from].ServeBulk(ctx, w, request)) }()
	return r, nil
}

// cluster calls f with the journals of three nodes, each with a replica of partition 0.
func cluster(t *testing.T, f func(nodes map[journal.NodeID]*diskjournal.Journal)) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	nodes := make(map[journal.NodeID]*diskjournal.Journal)
	all := []journal.NodeID{1, 2, 3}
	ways := make(map[journal.NodeID]*peers)
	for _, id := range all {
		ways[id] = &peers{ways: make(map[journal.NodeID]chan []byte), nodes: nodes}
		j, err := diskjournal.Open("journal", diskjournal.Config{
			FS: vfs.NewMem(), MemTableBytes: 1 << 20, Cluster: &diskjournal.Cluster{Node: id, Peers: ways[id]},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		nodes[id] = j
		for _, to := range all {
			ways[id].ways[to] = make(chan []byte, 1024)
		}
	}
	for from, p := range ways {
		for to, way := range p.ways {
			go func() {
				for {
					select {
					case frame := <-way:
						nodes[to].Deliver(from, frame)
					case <-ctx.Done():
						return
					}
				}
			}()
		}
	}
	for _, j := range nodes {
		go func() { _ = j.Run(ctx) }()
	}
	if err := nodes[1].Create(ctx, p0); err != nil {
		t.Fatal(err)
	}
	if err := nodes[1].Reconfigure(ctx, p0, all); err != nil {
		t.Fatal(err)
	}
	f(nodes)
}

// TestFollowFromAnyNode follows a partition with one node's replica after the other, as its owner changes: the cursor goes along.
func TestFollowFromAnyNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster(t, func(nodes map[journal.NodeID]*diskjournal.Journal) {
			sources := make(map[journal.NodeID]feed.Source)
			for id, j := range nodes {
				sources[id] = feed.NewLocal(j, feed.LocalConfig{Identity: "the cluster's"})
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			var at feed.Cursor
			w := &writer{t: t, p: p0, marks: make(map[journal.Entity]journal.Mark)}
			revision := uint64(0)
			for turn := range 12 {
				owner, next := journal.NodeID(turn%3+1), journal.NodeID((turn+1)%3+1)
				w.j = nodes[owner]
				w.acquire()
				for range 10 {
					w.append(w.record(lobby, "said"), w.record(yard), w.record(lobby, "said"))
				}
				if turn%2 == 0 { // what is followed here may be behind the owner, and behind the cursor
					if err := nodes[owner].HandOver(ctx, p0, next); err != nil {
						t.Fatal(err)
					}
				} else if _, err := nodes[owner].Acquire(ctx, p0); err != nil {
					t.Fatal(err)
				}
				for item, err := range feed.Follow(ctx, sources[journal.NodeID((turn+2)%3+1)], p0, at, feed.Filter{}) {
					if revision++; err != nil || item.Revision != revision {
						t.Fatalf("after %s comes %s, %v, want revision %d", at, name(item), err, revision)
					}
					if at = item.Cursor; revision == 20*uint64(turn+1) {
						break
					}
				}
				if turn%2 == 1 {
					if err := nodes[owner].HandOver(ctx, p0, next); err != nil {
						t.Fatal(err)
					}
				}
			}
			dropped := sources[3]
			if err := nodes[1].Reconfigure(ctx, p0, []journal.NodeID{1, 2}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if err := failure(dropped.Pages(ctx, p0, at, feed.Filter{})); !errors.Is(err, journal.ErrNoReplica) {
				t.Errorf("Pages of a replica that is no more = %v", err)
			}
		})
	})
}
