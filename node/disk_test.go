package node_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/internal/faults"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
	"github.com/tutti-rt/tutti/node"
)

// TestFailedSyncEndsTheNode has a sync fail under a command. The node acknowledges nothing any more, is not ready, and
// ends with the reason; the next one has what was acknowledged, and executes once what was not.
func TestFailedSyncEndsTheNode(t *testing.T) {
	dir, disk := t.TempDir(), faults.New(nil)
	open := func() *diskjournal.Journal {
		j, err := diskjournal.Open(dir, diskjournal.Config{FS: disk})
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	c := config()
	first := open()
	c.Journal, c.Admin, c.AdminToken = first, "127.0.0.1:0", adminToken
	n, err := node.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { ended <- n.Run(ctx) }()
	<-n.Ready()
	client := mustOpen(t, &running{Node: n})
	if got := sum(t, client, 2); got != 2 {
		t.Fatalf("sum = %d, want 2", got)
	}
	stall(t, n)

	disk.Set(faults.Settings{SyncFails: true})
	later := make(chan int, 1)
	go func() { later <- sum(t, client, 1) }()
	eventually(t, "the end of being ready", func() bool {
		status, _ := get(t, "http://"+n.AdminAddr().String()+"/readyz")
		return status == http.StatusServiceUnavailable
	})
	if err := <-ended; !errors.Is(err, journal.ErrClosed) || !errors.Is(err, syscall.EIO) {
		t.Errorf("Run = %v, want that the journal is closed, and why", err)
	}
	select {
	case got := <-later:
		t.Errorf("the command whose sync failed was acknowledged, the sum is %d", got)
	default:
	}
	if err := first.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}

	disk.Set(faults.Settings{})
	second := open()
	defer second.Close()
	c.Journal, c.Listen = second, n.Addr().String()
	again := start(t, c)
	if got := <-later; got != 3 {
		t.Errorf("the sum after the restart is %d, want 3", got)
	}
	if err := again.stop(); err != nil {
		t.Errorf("Run = %v", err)
	}
}

// stall brings a link that never closes, so that the node takes its time to end.
func stall(t *testing.T, n *node.Node) {
	t.Helper()
	conn, err := net.Dial("tcp", n.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "GET /v1/tally/a?conn=0123456789abcdef HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: tutti.v1\r\n"+
		"Authorization: Bearer %s\r\n\r\n", token(t, "ann", time.Hour))
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, "101") {
		t.Fatalf("upgrade = %q, %v", line, err)
	}
}
