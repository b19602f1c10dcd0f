package feed_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/feed"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
)

var layout = feed.Layout{Partitions: 2, Pools: map[string]string{"room": "default", "board": "default"}}

// serveFeed serves what s has until the test's end.
func serveFeed(t *testing.T, c feed.HandlerConfig) (*feed.Handler, *httptest.Server) {
	t.Helper()
	if c.Layout.Pools == nil {
		c.Layout = layout
	}
	h := feed.NewHandler(c)
	mux := http.NewServeMux()
	h.Register(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return h, server
}

func remote(t *testing.T, nodes ...string) *feed.Remote {
	t.Helper()
	r, err := feed.NewRemote(feed.RemoteConfig{
		Nodes: nodes, Token: "token", Backoff: feed.Backoff{Min: time.Millisecond, Max: time.Millisecond}, Patience: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRemote(t *testing.T) {
	j, w := filled(t)
	_, server := serveFeed(t, feed.HandlerConfig{Source: feed.NewLocal(j, feed.LocalConfig{PageItems: 2})})
	r := remote(t, server.URL+"/")
	if got, err := r.Layout(t.Context()); err != nil || got.Partitions != 2 || got.Pools["room"] != "default" {
		t.Errorf("Layout = %+v, %v", got, err)
	}
	if got, err := r.End(t.Context(), p0); err != nil || got != (feed.Cursor{Journal: j.ID(), Partition: p0, Offset: 4}) {
		t.Errorf("End = %s, %v", got, err)
	}
	// What is no JSON, or not on one line, comes as it is; so do names that JSON has to escape.
	odd := w.record(journal.Entity{Category: "room", ID: "\"ü\\\u2028"}, "a", "b", "c", "d")
	odd.By, odd.Command = "", 0
	for i, data := range []string{"no JSON \xff", "{\n}", "", `{"a":[1,2]}`} {
		odd.Events[i].Data = []byte(data)
	}
	w.append(odd)
	n := 0
	here := slices.Collect(itemsOf(t, feed.Follow(t.Context(), local(j), p0, feed.Cursor{}, feed.Filter{}), len(everything)+4))
	for i := range itemsOf(t, feed.Follow(t.Context(), r, p0, feed.Cursor{}, feed.Filter{}), len(everything)+4) {
		if want := here[n]; fmt.Sprintf("%q", i.Data) != fmt.Sprintf("%q", want.Data) || name(i) != name(want) || i.Cursor != want.Cursor ||
			!i.At.Equal(want.At) || i.By != want.By || i.Command != want.Command {
			t.Errorf("item %d is %+v, want %+v", n, i, want)
		}
		n++
	}
	for i := range here {
		got, _ := take(t, feed.Follow(t.Context(), r, p0, here[i].Cursor, feed.Filter{Events: []string{"d"}}), 1)
		if i == len(here)-2 && !strings.HasSuffix(got[0], " 4 d") {
			t.Errorf("got %q", got)
		}
		if i == len(here)-2 {
			break
		}
	}
}

func TestRemoteErrors(t *testing.T) {
	j, _ := filled(t)
	_, server := serveFeed(t, feed.HandlerConfig{Source: feed.NewLocal(j, feed.LocalConfig{Await: time.Millisecond})})
	closed := httptest.NewServer(nil)
	closed.Close()
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusUnauthorized) }))
	defer foreign.Close()
	at := feed.Cursor{Journal: j.ID(), Partition: p0, Offset: 2}
	change := func(f func(*feed.Cursor)) feed.Cursor {
		c := at
		f(&c)
		return c
	}
	for _, c := range []struct {
		name   string
		node   string
		p      journal.Partition
		after  feed.Cursor
		filter feed.Filter
		want   error
	}{
		{"another journal's", server.URL, p0, change(func(c *feed.Cursor) { c.Journal = journalID }), feed.Filter{}, feed.ErrOtherJournal},
		{"another partition's", server.URL, p0, change(func(c *feed.Cursor) { c.Partition.Number = 1 }), feed.Filter{}, feed.ErrOtherPartition},
		{"from the future", server.URL, p0, change(func(c *feed.Cursor) { c.Offset = 99 }), feed.Filter{}, feed.ErrFuture},
		{"no place", server.URL, p0, change(func(c *feed.Cursor) { c.Index = 77 }), feed.Filter{}, feed.ErrCursor},
		{"a filter", server.URL, p0, at, feed.Filter{ID: "x"}, feed.ErrFilter},
		{"no such partition", server.URL, journal.Partition{Pool: "default", Number: 2}, feed.Cursor{}, feed.Filter{}, feed.ErrNoPartition},
		{"no such category", server.URL, p0, feed.Cursor{}, feed.Filter{Categories: []string{"nothing"}}, feed.ErrNoPartition},
		{"no replica", server.URL, journal.Partition{Pool: "default", Number: 1}, feed.Cursor{}, feed.Filter{}, journal.ErrNoReplica},
		{"no replica", server.URL, journal.Partition{Pool: "default", Number: 1}, feed.Cursor{}, feed.Filter{}, feed.ErrUnavailable},
		{"nobody there", closed.URL, p0, feed.Cursor{}, feed.Filter{}, feed.ErrUnavailable},
		{"a wrong token", foreign.URL, p0, feed.Cursor{}, feed.Filter{}, feed.ErrRefused},
		{"no feed there", server.URL + "/elsewhere", p0, feed.Cursor{}, feed.Filter{}, feed.ErrUnavailable},
	} {
		if err := failure(remote(t, c.node).Pages(t.Context(), c.p, c.after, c.filter)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if err := failure(remote(t, server.URL).Pages(canceled(t), p0, feed.Cursor{}, feed.Filter{})); !errors.Is(err, context.Canceled) {
		t.Errorf("Pages with a context that is done = %v", err)
	}
	if _, err := remote(t, closed.URL).End(t.Context(), p0); !errors.Is(err, feed.ErrUnavailable) {
		t.Errorf("End with nobody there = %v", err)
	}
	for _, nodes := range [][]string{nil, {"127.0.0.1:9090"}, {"ftp://a"}, {"http://"}, {"http://u:p@a"}, {"http://a?x"}, {"://"}} {
		if _, err := feed.NewRemote(feed.RemoteConfig{Nodes: nodes}); err == nil {
			t.Errorf("NewRemote with nodes %q succeeded", nodes)
		}
	}
}

// TestRemoteGoesOnElsewhere kills the node that is followed, again and again, while events are written.
func TestRemoteGoesOnElsewhere(t *testing.T) {
	j := memjournal.New()
	w := newWriter(t, j, p0)
	source := feed.NewLocal(j, feed.LocalConfig{PageItems: 3})
	var nodes []*httptest.Server
	var urls []string
	for range 3 {
		_, server := serveFeed(t, feed.HandlerConfig{Source: source})
		nodes, urls = append(nodes, server), append(urls, server.URL)
	}
	const all = 60
	n := 0
	w.append(w.record(lobby, "said"))
	for i := range itemsOf(t, feed.Follow(t.Context(), remote(t, urls...), p0, feed.Cursor{}, feed.Filter{}), all) {
		if n++; i.Revision != uint64(n) {
			t.Fatalf("revision %d comes, want %d", i.Revision, n)
		}
		w.append(w.record(lobby, "said"))
		if n%4 == 0 {
			w.acquire()
			for _, node := range nodes {
				node.CloseClientConnections()
			}
		}
	}
}

// TestRemoteIsSentElsewhere asks a node without the replica, which names the one that has it.
func TestRemoteIsSentElsewhere(t *testing.T) {
	j, _ := filled(t)
	_, has := serveFeed(t, feed.HandlerConfig{Source: local(j)})
	empty := memjournal.New()
	_, first := serveFeed(t, feed.HandlerConfig{Source: local(empty), Elsewhere: func(p journal.Partition) []string {
		if p != p0 {
			t.Errorf("asked for %s", p)
		}
		return []string{"no URL", has.URL}
	}})
	if got, _ := take(t, feed.Follow(t.Context(), remote(t, first.URL), p0, feed.Cursor{}, feed.Filter{}), len(everything)); !slices.Equal(got, everything) {
		t.Errorf("got %q", got)
	}
	if at, err := remote(t, first.URL).End(t.Context(), p0); err != nil || at.Offset != 4 {
		t.Errorf("End = %s, %v", at, err)
	}
}

// TestRemoteFindsLies follows nodes that leave out, repeat and mix up what they send.
func TestRemoteFindsLies(t *testing.T) {
	at := func(p, offset int) string { return fmt.Sprintf("%s.default.%d.%d.0", journalID, p, offset) }
	item := func(offset, rev int) string {
		return fmt.Sprintf(`{"cursor":%q,"category":"room","id":"lobby","rev":%d,"name":"said","data":1,"at":1}`, at(0, offset), rev)
	}
	mark := func(offset int) string { return fmt.Sprintf(`{"mark":%q,"behind":0}`, at(0, offset)) }
	for what, lines := range map[string][]string{
		"begins elsewhere":      {mark(1)},
		"begins with an item":   {item(1, 1), mark(1)},
		"of another partition":  {fmt.Sprintf(`{"mark":%q}`, at(1, 0))},
		"leaves out a revision": {mark(0), item(1, 1), item(2, 3), mark(2)},
		"repeats a revision":    {mark(0), item(1, 1), item(2, 1), mark(2)},
		"repeats a place":       {mark(0), item(1, 1), item(1, 2), mark(2)},
		"goes back":             {mark(0), item(2, 1), item(1, 2), mark(2)},
		"marks a place before":  {mark(0), item(2, 1), mark(1)},
		"leaves out in between": {mark(0), item(1, 1), mark(1), item(2, 3), mark(2)},
	} {
		asked := 0
		node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asked++; asked == 1 { // it lies once, so that the lie itself has to be found
				fmt.Fprintln(w, strings.Join(lines, "\n"))
			}
		}))
		if err := failure(remote(t, node.URL).Pages(t.Context(), p0, feed.Cursor{}, feed.Filter{})); !errors.Is(err, feed.ErrDiscontinuous) {
			t.Errorf("a stream that %s: %v", what, err)
		}
		node.Close()
	}
	for what, text := range map[string]string{
		"is no JSON": "x\n", "is cut off": mark(0) + "\n" + item(1, 1), "has an item without an entity": mark(0) + "\n" + `{"cursor":"` + at(0, 1) + `"}` + "\n",
		"ends with a code": mark(0) + "\n" + `{"end":"failed","detail":"why"}` + "\n", "has no line": "",
		"has a mark that is none": `{"mark":"x"}` + "\n",
	} {
		node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, text) }))
		for page, err := range remote(t, node.URL).Pages(t.Context(), p0, feed.Cursor{}, feed.Filter{}) {
			if len(page.Items) > 0 {
				t.Errorf("a stream that %s yields %+v", what, page)
			}
			if err != nil && !errors.Is(err, feed.ErrUnavailable) && !errors.Is(err, feed.ErrCursor) {
				t.Errorf("a stream that %s: %v", what, err)
			}
		}
		node.Close()
	}
}

// TestRemoteLeavesASilentNode follows a node that accepts and says nothing.
func TestRemoteLeavesASilentNode(t *testing.T) {
	j, _ := filled(t)
	_, good := serveFeed(t, feed.HandlerConfig{Source: local(j)})
	done := make(chan struct{})
	for _, first := range []string{"", fmt.Sprintf(`{"mark":"%s.default.0.0.0","behind":0}`+"\n", j.ID())} {
		silent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprint(w, first)
			_ = http.NewResponseController(w).Flush()
			<-done
		}))
		defer silent.Close()
		r, err := feed.NewRemote(feed.RemoteConfig{Nodes: []string{silent.URL, good.URL}, Silence: 20 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := take(t, feed.Follow(t.Context(), r, p0, feed.Cursor{}, feed.Filter{}), 1); got[0] != everything[0] {
			t.Errorf("got %q", got)
		}
	}
	close(done)
}
