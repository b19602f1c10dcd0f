package node_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tutti-rt/tutti/feed"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/node"
)

// followed returns a running node with an operator's listener, and a source that reads there.
func followed(t *testing.T, c node.Config) (*running, *feed.Remote) {
	t.Helper()
	c.Admin, c.AdminToken = "127.0.0.1:0", adminToken
	n := start(t, c)
	r, err := feed.NewRemote(feed.RemoteConfig{Nodes: []string{"http://" + n.AdminAddr().String()}, Token: adminToken})
	if err != nil {
		t.Fatal(err)
	}
	return n, r
}

// TestFeed has a consumer follow all partitions of a running node, through a restart of it.
func TestFeed(t *testing.T) {
	c := config()
	c.Journal = memjournal.New()
	n, r := followed(t, c)
	layout, err := r.Layout(t.Context())
	if err != nil || layout.Partitions != 16 || layout.Pools["tally"] != "default" {
		t.Fatalf("Layout = %+v, %v", layout, err)
	}
	got := make(chan feed.Item, 100)
	follow := func(s feed.Source, store feed.Store) (stop func() error) {
		consumer, err := feed.NewConsumer(feed.ConsumerConfig{
			Source: s, Pool: "default", Partitions: layout.Partitions, Store: store,
			Handle: func(_ context.Context, page feed.Page) error {
				for _, i := range page.Items {
					got <- i
				}
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- consumer.Run(ctx) }()
		return func() error {
			cancel()
			return <-ended
		}
	}
	store := new(feed.MemoryStore)
	stop := follow(r, store)
	want := func(id string, revision uint64) {
		t.Helper()
		if i := <-got; i.Entity != (journal.Entity{Category: "tally", ID: id}) || i.Revision != revision || i.Name != "added" || string(i.Data) != `{"By":2}` {
			t.Errorf("got %+v, want revision %d of %s", i, revision, id)
		}
	}
	addTo(t, n, "a")
	want("a", 1)
	addTo(t, n, "b")
	want("b", 1)
	if err := stop(); err != nil {
		t.Errorf("Run = %v", err)
	}
	addTo(t, n, "a") // while nobody follows
	if err := n.stop(); err != nil {
		t.Errorf("the node's Run = %v", err)
	}
	n, r = followed(t, c)
	stop = follow(r, store)
	want("a", 2)
	addTo(t, n, "b")
	want("b", 2)
	if err := stop(); err != nil {
		t.Errorf("Run = %v", err)
	}
}

// addTo adds 2 to a tally.
func addTo(t *testing.T, n *running, id string) {
	t.Helper()
	if got := n.call(t, "tally/"+id, "ann", `{"name":"add","data":{"By":2}}`); got.status != http.StatusOK {
		t.Fatalf("add = %d %s", got.status, got.body)
	}
}

// TestFeedIsTheOperators asks as others would.
func TestFeedIsTheOperators(t *testing.T) {
	n, r := followed(t, config())
	at := "http://" + n.AdminAddr().String()
	for _, token := range []string{"", "Bearer", "Bearer another operator's"} {
		for _, path := range []string{"/admin/v1/events?pool=default&partition=0", "/admin/v1/feed"} {
			if status, _ := get(t, at+path, "Authorization", token); status != 401 {
				t.Errorf("GET %s with %q = %d, want 401", path, token, status)
			}
			if status, _ := get(t, "http://"+n.Addr().String()+path, "Authorization", "Bearer "+adminToken); status != 404 {
				t.Errorf("GET %s of the clients' listener = %d, want 404", path, status)
			}
		}
	}
	for query, want := range map[string]int{
		"category=tally&id=a&wait=0s": 200, "category=tally&id=a&wait=0s&after=end": 200, "category=tally&id=a&after=garbage": 400,
		"category=nothing&id=a": 404, "pool=default&partition=16": 404,
	} {
		if status, text := get(t, at+"/admin/v1/events?"+query, "Authorization", "Bearer "+adminToken); status != want {
			t.Errorf("%s = %d %s, want %d", query, status, text, want)
		}
	}
	p := journal.Partition{Pool: "default", Number: 3}
	far := feed.Cursor{Journal: "another-journals-id", Partition: p, Offset: 1}
	for _, err := range r.Pages(t.Context(), p, far, feed.Filter{}) {
		if !errors.Is(err, feed.ErrOtherJournal) {
			t.Errorf("Pages after another journal's cursor = %v", err)
		}
	}
}

// TestFeedNamesWhoHasIt asks a node whose journal has no such partition.
func TestFeedNamesWhoHasIt(t *testing.T) {
	c := config()
	c.Replicas = func(p journal.Partition) []string { return []string{"http://" + p.Pool + ".example"} }
	c.Journal = without{memjournal.New()}
	n, _ := followed(t, c)
	status, text := get(t, "http://"+n.AdminAddr().String()+"/admin/v1/events?pool=default&partition=0", "Authorization", "Bearer "+adminToken)
	if status != http.StatusMisdirectedRequest || !strings.Contains(text, `"nodes":["http://default.example"]`) {
		t.Errorf("events of a partition without a replica = %d %s", status, text)
	}
}

// without is a journal whose replicas are elsewhere.
type without struct{ *memjournal.Journal }

func (without) Replica(context.Context, journal.Partition) (journal.Replica, error) {
	return nil, journal.ErrNoReplica
}

// TestManyFollowers has a thousand of them come: some are served, the others told so, and the operator is not kept out.
func TestManyFollowers(t *testing.T) {
	const all, most = 1000, 256
	n, _ := followed(t, config())
	at := n.AdminAddr().String()
	var served, refused atomic.Int32
	var conns []net.Conn
	for range all {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		defer conn.Close()
		_, err = conn.Write([]byte("GET /admin/v1/events?pool=default&partition=0 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + adminToken + "\r\n\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		status, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case strings.Contains(status, " 200 "):
			served.Add(1)
		case strings.Contains(status, " 503 "):
			refused.Add(1)
		}
	}
	if served.Load() != most || refused.Load() != all-most {
		t.Errorf("%d were served and %d refused", served.Load(), refused.Load())
	}
	want := []string{"tutti_feed_followers 256", "tutti_feed_refused_total 744"}
	_, metrics := get(t, "http://"+at+"/metrics", "Authorization", "Bearer "+adminToken)
	if slices.ContainsFunc(want, func(s string) bool { return !strings.Contains(metrics, s) }) {
		t.Errorf("the metrics lack one of %q", want)
	}
	for _, conn := range conns {
		conn.Close()
	}
	for ctx := t.Context(); ctx.Err() == nil; {
		// 256 connections that end at once are more than may wait: a new one may have to make room for them.
		if _, metrics, err := tryGet(t, "http://"+at+"/metrics", "Authorization", "Bearer "+adminToken); err == nil && strings.Contains(metrics, "tutti_feed_followers 0") {
			break
		}
	}
}
