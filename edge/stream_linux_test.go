package edge_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tutti-rt/tutti/edge"
)

// deafen has the client's system throw away whatever comes from the server, as if the client were gone.
func (r *raw) deafen() {
	r.t.Helper()
	c, err := r.tcp.SyscallConn()
	if err != nil {
		r.t.Fatal(err)
	}
	nothing := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
	failed := c.Control(func(fd uintptr) {
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing})
	})
	if failed != nil || err != nil {
		r.t.Fatal(failed, err)
	}
}

// TestStreamOfDeadClientEnds: a client that is gone without a word is noticed by what it does not acknowledge.
func TestStreamOfDeadClientEnds(t *testing.T) { both(t, testStreamOfDeadClientEnds) }

func testStreamOfDeadClientEnds(t *testing.T, start starter) {
	p := start(t, func(c *edge.Config) { c.Timing.Heartbeat = 200 * time.Millisecond })
	lives := p.stream(t, "1", 1, "", "ann")
	lives.want(`"welcome"`)
	dead := p.rawRequest(t, "GET /v1/room/1?conn="+conn(2)+" HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: Bearer ann\r\n\r\n")
	waitFor(t, func() bool { return p.edge.Stats().Links == 2 })
	dead.deafen()
	waitFor(t, func() bool { return p.edge.Stats().Links == 1 })
	p.owner.publish("room", "1", 1, "1")
	lives.want(`"event"`)
}
