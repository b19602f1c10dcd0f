package feed_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/feed"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
)

// BenchmarkFollow has one consumer read 16 partitions of a journal on disk, whose cursors are in a file: alone, beside a writer
// that is as fast as it can be, and over HTTP. An operation is an item of 200 bytes.
func BenchmarkFollow(b *testing.B) {
	for _, c := range []struct {
		name           string
		beside, remote bool
	}{{"local", false, false}, {"beside a writer", true, false}, {"http", false, true}} {
		b.Run(c.name, func(b *testing.B) { benchFollow(b, c.beside, c.remote) })
	}
}

const (
	benchPartitions = 16
	benchItems      = 640_000
	benchBatch      = 20 // items, as under load
)

func benchFollow(b *testing.B, beside, overHTTP bool) {
	j, err := diskjournal.Open(b.TempDir(), diskjournal.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	writers := make([]*writer, benchPartitions)
	var all sync.WaitGroup
	for n := range writers {
		writers[n] = newWriter(b, j, journal.Partition{Pool: "default", Number: n})
		all.Go(func() {
			for range benchItems / benchPartitions / benchBatch {
				writers[n].batch()
			}
		})
	}
	all.Wait()

	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	var written, read atomic.Int64
	if beside {
		for _, w := range writers {
			all.Go(func() {
				for ctx.Err() == nil {
					w.batch()
					written.Add(benchBatch)
				}
			})
		}
	}
	var source feed.Source = feed.NewLocal(j, feed.LocalConfig{})
	if overHTTP {
		h := feed.NewHandler(feed.HandlerConfig{Source: source, Layout: feed.Layout{Partitions: benchPartitions, Pools: map[string]string{"room": "default"}}})
		mux := http.NewServeMux()
		h.Register(mux)
		server := httptest.NewServer(mux)
		defer server.Close()
		defer server.CloseClientConnections()
		if source, err = feed.NewRemote(feed.RemoteConfig{Nodes: []string{server.URL}}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	var took time.Duration
	for b.Loop() {
		b.StopTimer()
		store, err := feed.OpenFileStore(b.TempDir() + "/cursors")
		if err != nil {
			b.Fatal(err)
		}
		read.Store(0)
		enough := fmt.Errorf("enough: %w", feed.ErrStop)
		c, err := feed.NewConsumer(feed.ConsumerConfig{
			Source: source, Pool: "default", Partitions: benchPartitions, Store: store,
			Handle: func(_ context.Context, page feed.Page) error {
				if read.Add(int64(len(page.Items))) >= benchItems {
					return enough
				}
				return nil
			},
		})
		if err != nil {
			b.Fatal(err)
		}
		before, start := written.Load(), time.Now()
		b.StartTimer()
		if err := c.Run(ctx); !errors.Is(err, enough) {
			b.Fatal(err)
		}
		took += time.Since(start)
		if beside {
			b.ReportMetric(float64(written.Load()-before)/time.Since(start).Seconds(), "written/s")
		}
	}
	b.ReportMetric(float64(benchItems*b.N)/took.Seconds(), "items/s")
	stop()
	all.Wait()
}

var benchText = []byte(`{"text":"` + strings.Repeat("x", 189) + `"}`)

// batch appends a batch of as many items.
func (w *writer) batch() {
	records := make([]journal.Record, benchBatch)
	for i := range records {
		e := journal.Entity{Category: "room", ID: fmt.Sprint(i)}
		records[i] = w.record(e, "said")
		records[i].Events[0].Data = benchText
	}
	w.append(records...)
}
