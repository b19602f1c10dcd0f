package feed_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/feed"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
)

func ask(t *testing.T, server *httptest.Server, query string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/admin/v1/events?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestHandlerRefuses(t *testing.T) {
	j, _ := filled(t)
	h, server := serveFeed(t, feed.HandlerConfig{
		Source:    feed.NewLocal(j, feed.LocalConfig{Await: time.Millisecond}),
		Elsewhere: func(journal.Partition) []string { return []string{"http://b:9090"} },
	})
	id := j.ID()
	for _, c := range []struct {
		query  string
		status int
		want   string
	}{
		{"", 400, "a pool or a category is missing"},
		{"pool=default", 400, "an id or a partition is missing"},
		{"category=room", 400, "an id or a partition is missing"},
		{"id=lobby", 400, "an id needs one category"},
		{"category=room&id=a/b", 400, "no id"},
		{"category=Room&id=a", 400, "no category"},
		{"category=nothing&id=a", 404, "no category"},
		{"category=room&id=lobby&pool=other", 400, "is in pool"},
		{"pool=other&partition=0", 404, "no such partition"},
		{"pool=default&partition=2", 404, "no such partition"},
		{"pool=default&partition=-1", 404, "no such partition"},
		{"pool=default&partition=x", 400, "no number"},
		{"pool=default&partition=0&pool=default", 400, "2 times"},
		{"pool=default&partition=0&acter=x", 400, "no parameter"},
		{"pool=default&partition=0&%zz", 400, "does not parse"},
		{"pool=default&partition=0&wait=x", 400, "no duration"},
		{"pool=default&partition=0&wait=-1s", 400, "no duration"},
		{"pool=default&partition=0&after=x", 400, "not a cursor"},
		{"pool=default&partition=0&after=" + strings.Repeat("x", 5000), 400, "5000 bytes"},
		{"pool=default&partition=0&after=" + journalID + ".default.0.1.0", 409, "another journal"},
		{"pool=default&partition=0&after=" + id + ".default.1.1.0", 400, "another partition"},
		{"pool=default&partition=0&after=" + id + ".default.0.9.0", 409, "from the future"},
		{"pool=default&partition=0&after=" + id + ".default.0.18446744073709551615.2147483647", 409, "from the future"},
		{"pool=default&partition=0&" + strings.Repeat("event=a&", 65), 400, "at most 64"},
		{"pool=default&partition=1", 421, `"nodes":["http://b:9090"]`},
	} {
		r := ask(t, server, c.query)
		if text := body(t, r); r.StatusCode != c.status || !strings.Contains(text, c.want) || r.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%.100s = %d %s, want %d with %q", c.query, r.StatusCode, text, c.status, c.want)
		}
	}
	if s := h.Stats(); s.Followers != 0 || s.Refused == 0 || s.Items != 0 {
		t.Errorf("Stats = %+v", s)
	}
}

func TestHandlerStreams(t *testing.T) {
	j := memjournal.New()
	w := newWriter(t, j, journal.Partition{Pool: "default", Number: 0})
	w.append(w.record(lobby, "made"), w.record(yard, "made"))
	_, server := serveFeed(t, feed.HandlerConfig{Source: local(j), Layout: feed.Layout{Partitions: 1, Pools: map[string]string{"room": "default"}}})
	for query, want := range map[string]string{
		"category=room&id=lobby&wait=0s":                                      `mark 0, made 1, mark 1, end waited`,
		"category=room&id=lobby&wait=1ms":                                     `mark 0, made 1, mark 1, end waited`,
		"category=room&id=lobby&after=end&wait=0s":                            `mark 1, end waited`,
		"pool=default&partition=0&wait=0s":                                    `mark 0, made 1, made 1, mark 1, end waited`,
		"pool=default&partition=0&event=left&wait=0s":                         `mark 0, mark 1, end waited`,
		"pool=default&partition=0&wait=0s&after=" + j.ID() + ".default.0.0.1": `mark 0, made 1, mark 1, end waited`,
	} {
		r := ask(t, server, query)
		var got []string
		for text := range strings.Lines(body(t, r)) {
			got = append(got, describe(t, text))
		}
		if all := strings.Join(got, ", "); all != want || r.StatusCode != 200 || r.Header.Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("%s = %d %s, want %s", query, r.StatusCode, all, want)
		}
	}
}

// describe says what a line is: an item's name and revision, the offset of a mark, the code of an end.
func describe(t *testing.T, text string) string {
	t.Helper()
	var l struct {
		Name, Mark, End string
		Rev             json.Number
	}
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		t.Fatalf("line %q: %v", text, err)
	}
	switch {
	case l.Name != "":
		return l.Name + " " + l.Rev.String()
	case l.Mark != "":
		return "mark " + strings.Split(l.Mark, ".")[3]
	}
	return "end " + l.End
}

// TestHandlerDrains ends the streams of those who read and of those who do not.
func TestHandlerDrains(t *testing.T) {
	j := memjournal.New()
	w := newWriter(t, j, p0)
	big := w.record(lobby, "said")
	big.Events[0].Data = []byte(`"` + strings.Repeat("x", 16<<20) + `"`) // more than sockets take
	w.append(big)
	h, server := serveFeed(t, feed.HandlerConfig{Source: local(j), Followers: 2})
	ctx, drain := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	reads := ask(t, server, "pool=default&partition=0&after=end")
	if _, err := bufio.NewReader(reads.Body).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	stalls := ask(t, server, "pool=default&partition=0")
	if more := ask(t, server, "pool=default&partition=0"); more.StatusCode != 503 || more.Header.Get("Retry-After") == "" || !strings.Contains(body(t, more), `"full"`) {
		t.Errorf("one follower too many got %d", more.StatusCode)
	}
	if s := h.Stats(); s.Followers != 2 || s.Refused != 1 {
		t.Errorf("Stats = %+v, want 2 followers", s)
	}
	drain()
	if text := body(t, reads); !strings.Contains(text, `{"end":"draining"`) {
		t.Errorf("the stream ends with %q", text)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run = %v", err)
	}
	if text, err := io.ReadAll(stalls.Body); err == nil && strings.Contains(string(text), `"mark":"`+j.ID()+`.default.0.1.0`) {
		t.Error("whoever does not read got everything")
	}
	if after := ask(t, server, "pool=default&partition=0"); after.StatusCode != 503 || !strings.Contains(body(t, after), `"draining"`) {
		t.Errorf("a follower after the end got %d", after.StatusCode)
	}
	if s := h.Stats(); s.Followers != 0 {
		t.Errorf("Stats = %+v, want no follower", s)
	}
}

// stalled is a response that takes so many bytes and then none until its deadline.
type stalled struct {
	http.ResponseWriter
	room    int
	changed chan struct{} // gets a value when the deadline is another one

	mu       sync.Mutex
	deadline time.Time
}

func newStalled(room int) *stalled {
	return &stalled{ResponseWriter: httptest.NewRecorder(), room: room, changed: make(chan struct{}, 100)}
}

func (s *stalled) Write(p []byte) (int, error) {
	if s.room -= len(p); s.room >= 0 {
		return len(p), nil
	}
	for {
		s.mu.Lock()
		left := time.Until(s.deadline)
		s.mu.Unlock()
		if left <= 0 {
			return 0, context.DeadlineExceeded
		}
		select {
		case <-time.After(left):
		case <-s.changed:
		}
	}
}

func (s *stalled) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	s.changed <- struct{}{}
	return nil
}
func (s *stalled) SetReadDeadline(time.Time) error { return nil }
func (s *stalled) Flush()                          {}

// TestHandlerLeavesWhoDoesNotRead ends a stream that takes nothing for a minute, or for a second when the node ends. No more is read than it took.
func TestHandlerLeavesWhoDoesNotRead(t *testing.T) {
	for _, drains := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			j := memjournal.New()
			w := newWriter(t, j, p0)
			for range 2000 {
				w.append(w.record(lobby, "said"))
			}
			read := 0
			h := feed.NewHandler(feed.HandlerConfig{Source: feed.NewLocal(counted{j, &read}, feed.LocalConfig{PageItems: 100}), Layout: layout})
			mux := http.NewServeMux()
			h.Register(mux)
			ended := make(chan struct{})
			start := time.Now()
			go func() {
				defer close(ended)
				mux.ServeHTTP(newStalled(50_000), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/admin/v1/events?pool=default&partition=0", nil))
			}()
			synctest.Wait()
			want := time.Minute
			if drains {
				ctx, drain := context.WithCancel(t.Context())
				drain()
				want = time.Second
				if err := h.Run(ctx); err != nil || time.Since(start) != want {
					t.Errorf("Run = %v after %v", err, time.Since(start))
				}
			}
			<-ended
			if time.Since(start) != want || read > 600 {
				t.Errorf("the stream ended after %v, want %v; %d batches were read", time.Since(start), want, read)
			}
		})
	}
}
