package feed_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/tutti-rt/tutti/feed"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
)

// said records that a line was said in room/lobby.
func said(ctx context.Context, j journal.Journal, revision uint64) error {
	log, err := j.Acquire(ctx, journal.Partition{Pool: "default"})
	if err != nil {
		return err
	}
	_, err = log.Append(ctx, journal.Batch{Records: []journal.Record{{
		Entity: journal.Entity{Category: "room", ID: "lobby"}, Seq: revision, Revision: revision,
		Events: []journal.Event{{Name: "said", Data: fmt.Appendf(nil, `{"text":"line %d"}`, revision)}},
	}}})
	return err
}

// A consumer that ends goes on where it was.
func ExampleConsumer() {
	ctx := context.Background()
	j := memjournal.New()
	dir, err := os.MkdirTemp("", "feed")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	for life := range uint64(2) {
		if err := said(ctx, j, life+1); err != nil {
			panic(err)
		}
		cursors, err := feed.OpenFileStore(filepath.Join(dir, "cursors"))
		if err != nil {
			panic(err)
		}
		ctx, stop := context.WithCancel(ctx)
		consumer, err := feed.NewConsumer(feed.ConsumerConfig{
			Source: feed.NewLocal(j, feed.LocalConfig{}), Pool: "default", Partitions: 1, Store: cursors,
			Handle: func(_ context.Context, page feed.Page) error {
				for _, item := range page.Items {
					fmt.Printf("%s/%s %d %s %s\n", item.Entity.Category, item.Entity.ID, item.Revision, item.Name, item.Data)
				}
				stop() // an example ends
				return nil
			},
		})
		if err != nil {
			panic(err)
		}
		if err := consumer.Run(ctx); err != nil {
			panic(err)
		}
	}
	// Output:
	// room/lobby 1 said {"text":"line 1"}
	// room/lobby 2 said {"text":"line 2"}
}

// A consumer outside of the nodes asks any of them, and goes on at another one when one is lost.
func ExampleRemote() {
	ctx := context.Background()
	remote, err := feed.NewRemote(feed.RemoteConfig{
		Nodes: []string{"http://10.0.0.1:9090", "http://10.0.0.2:9090"}, Token: os.Getenv("TUTTI_ADMIN_TOKEN"),
	})
	if err != nil {
		panic(err)
	}
	layout, err := remote.Layout(ctx)
	if err != nil {
		panic(err)
	}
	cursors, err := feed.OpenFileStore("cursors")
	if err != nil {
		panic(err)
	}
	consumer, err := feed.NewConsumer(feed.ConsumerConfig{
		Source: remote, Pool: layout.Pools["room"], Partitions: layout.Partitions, Store: cursors,
		Filter: feed.Filter{Categories: []string{"room"}, Events: []string{"said"}},
		Handle: func(ctx context.Context, page feed.Page) error { return index(ctx, page.Items) },
		Logger: slog.Default(),
	})
	if err != nil {
		panic(err)
	}
	if err := consumer.Run(ctx); err != nil {
		panic(err)
	}
}

// index would put items into a search index, by entity and revision, so that putting them there again changes nothing.
func index(context.Context, []feed.Item) error { return nil }
