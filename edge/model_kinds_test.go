package edge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing/synctest"

	"github.com/tutti-rt/tutti"
)

// kind is a transport of the model.
type kind int

const (
	socket kind = iota
	events
	polls
)

// open attaches the client.
func (c *fakeClient) open(ctx context.Context, query string) error {
	ann := tutti.Claims{Subject: "ann"}
	switch c.kind {
	case events:
		return c.edge.OpenStream(ctx, "room", "1", c.conn, query, ann, c.socket)
	case polls:
		c.cursor = strings.TrimPrefix(query, "&cursor=")
		c.welcomed = c.cursor != "" // resumes without a welcome
		return nil
	}
	return c.edge.Open(ctx, "room", "1", c.conn, query, ann, c.socket)
}

// streamed returns the frames that an EventSource has got.
func (c *fakeClient) streamed(t fataler) []string {
	c.bytes = append(c.bytes, c.socket.Got()...)
	var all []string
	for {
		block, rest, ok := strings.Cut(string(c.bytes), "\n\n")
		if !ok {
			return all
		}
		c.bytes = []byte(rest)
		for line := range strings.SplitSeq(block, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			switch {
			case name == "data" && json.Valid([]byte(value)):
				all = append(all, value)
			case name == "id":
				c.cursor = value
			case name != "retry" && line != ":":
				t.Fatalf("%s: strange line %.200q", c.conn, line)
			}
		}
	}
}

// polled polls until there is nothing more.
func (c *fakeClient) polled(t fataler) []string {
	var all []string
	for {
		query := "?conn=" + c.conn
		if c.cursor != "" {
			query += "&cursor=" + c.cursor
		}
		r := httptest.NewRequest(http.MethodGet, "/v1/room/1"+query, nil)
		r.Header = http.Header{"Accept": {"application/json"}, "Prefer": {"wait=0"}, "Authorization": {"Bearer ann"}}
		w := httptest.NewRecorder()
		c.edge.ServeHTTP(w, r)
		synctest.Wait()
		switch w.Code {
		case http.StatusNoContent:
			return all
		case http.StatusOK:
		default:
			t.Fatalf("%s: a poll is answered %d %s", c.conn, w.Code, w.Body)
		}
		var frames []json.RawMessage
		if err := json.Unmarshal(w.Body.Bytes(), &frames); err != nil || len(frames) == 0 {
			t.Fatalf("%s: a poll is answered %.200s: %v", c.conn, w.Body, err)
		}
		for _, f := range frames {
			all = append(all, string(f))
		}
		if c.cursor = w.Header().Get("Tutti-Cursor"); c.cursor == "" {
			t.Fatalf("%s: an answer without a cursor: %.200s", c.conn, fmt.Sprint(w.Header()))
		}
	}
}
