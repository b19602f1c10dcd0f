package node_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

const half, rest = "GET / HTTP/1.1\r\nHost: x\r\n", "\r\n"

// connect opens a connection to the node and sends the beginning of a request, if any.
func connect(t *testing.T, n *running, first string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", n.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = fmt.Fprint(conn, first) // a closed connection gets no answer
	return conn
}

// served sends the rest of a request and reports whether there is an answer.
func served(conn net.Conn, request string) bool {
	_, _ = fmt.Fprint(conn, request)
	answer := make([]byte, 8)
	_, err := conn.Read(answer)
	return err == nil && bytes.HasPrefix(answer, []byte("HTTP/1.1"))
}

// Connections beyond the limit are closed at once while all others are being served; when one of those ends there is
// room again.
func TestConnectionLimit(t *testing.T) {
	c := config()
	c.Connections = 3
	begun, release := make(chan struct{}, 3), make(chan struct{})
	c.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case begun <- struct{}{}:
		default: // the others have
		}
		<-release
	})
	n := start(t, c)
	for range 3 {
		connect(t, n, half+rest)
		<-begun
	}
	if conn := connect(t, n, ""); served(conn, half+rest) {
		t.Error("the fourth connection was served")
	}
	close(release)
	eventually(t, "room for another connection", func() bool { return served(connect(t, n, ""), half+rest) })
}

// Connections that have asked for nothing make room for those that come: otherwise a few thousand that stop in the
// middle of their headers keep everybody out for as long as headers may take.
func TestConnectionsThatWaitMakeRoom(t *testing.T) {
	c := config()
	c.Connections = 3
	n := start(t, c)
	var waiting []net.Conn
	for range 30 {
		waiting = append(waiting, connect(t, n, half))
		if conn := connect(t, n, ""); !served(conn, half+rest) {
			t.Fatalf("a client was not served beside %d that wait", len(waiting))
		}
	}
	if served(waiting[0], rest) {
		t.Error("the connection that waited longest is still there")
	}
	if !served(waiting[29], rest) {
		t.Error("the connection that came last is gone")
	}
}

// Requests whose answer is there but whose body never comes do not keep anybody out for as long as a body may take.
func TestBodiesThatNobodyWantsMakeRoom(t *testing.T) {
	c := config()
	c.Connections = 3
	begun := make(chan struct{}, 100)
	c.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { begun <- struct{}{} })
	n := start(t, c)
	for range 3 {
		connect(t, n, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
		<-begun
	}
	eventually(t, "room for another connection", func() bool { return served(connect(t, n, ""), half+rest) })
}

// Long polls that wait are links, and keep nobody out; when they are answered their connections count again.
func TestPollsThatWaitMakeRoom(t *testing.T) {
	c := config()
	c.Connections = 3
	c.Admin, c.AdminToken = "127.0.0.1:0", adminToken
	n := start(t, c)
	links := func(want int) func() bool {
		return func() bool {
			_, body := get(t, "http://"+n.AdminAddr().String()+"/metrics", "Authorization", "Bearer "+adminToken)
			return strings.Contains(body, fmt.Sprintf("tutti_edge_links %d\n", want))
		}
	}
	poll := "GET /v1/tally/a?conn=0123456789abcde%d&cursor=%s HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nPrefer: wait=20\r\nAuthorization: Bearer " +
		token(t, "ann", time.Hour) + "\r\n\r\n"
	first := connect(t, n, "")
	if !served(first, fmt.Sprintf(poll, 0, "-:0")) {
		t.Fatal("no answer to the first poll")
	}
	head, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader([]byte("HTTP/1.1")), first)), nil)
	if err != nil {
		t.Fatal(err)
	}
	cursor := head.Header.Get("Tutti-Cursor")
	var polls []net.Conn
	for i := range 10 {
		polls = append(polls, connect(t, n, fmt.Sprintf(poll, i, cursor)))
		eventually(t, "a link of the poll", links(len(polls)))
	}
	tallyOf := mustOpen(t, n)
	if got := sum(t, tallyOf, 1); got != 1 {
		t.Errorf("the tally is %d, want 1", got)
	}
	answered := 0
	for _, conn := range polls {
		if served(conn, "") {
			answered++
		}
	}
	if answered != len(polls) {
		t.Errorf("%d of %d polls were answered, want all", answered, len(polls))
	}
	for range 3 {
		if !served(connect(t, n, ""), half+rest) {
			t.Error("a client was not served beside connections that wait")
		}
	}
}
