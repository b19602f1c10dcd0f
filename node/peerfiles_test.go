package node_test

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/tutti-rt/tutti/node"
	"github.com/tutti-rt/tutti/peer"
)

// TestFilesBetweenNodes: the log tells of files that do not fit when they come, and not when another node wants to see them.
func TestFilesBetweenNodes(t *testing.T) {
	nats, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	nats.Start()
	t.Cleanup(nats.Shutdown) // after the node's end

	dir := t.TempDir()
	f := peer.Files{
		Certificate: filepath.Join(dir, "node.pem"), Key: filepath.Join(dir, "node.key"), Authority: filepath.Join(dir, "ca.pem"),
		Poll: 5 * time.Millisecond,
	}
	cert, key := certificate(t, 1)
	write(t, f.Certificate, cert)
	write(t, f.Key, key)
	write(t, f.Authority, cert)

	var logged lockedBuffer
	c := config()
	c.Data, c.Partitions = t.TempDir(), 1
	c.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	c.Cluster = &node.Cluster{Name: "test", Node: "a", Files: &f, NATS: nats.ClientURL(), Listen: freeAddress(t)}
	start(t, c)
	write(t, f.Certificate, []byte("garbage"))
	eventually(t, "complaint about the certificate for other nodes", func() bool {
		return strings.Contains(logged.String(), "node certificate not reloaded")
	})
	write(t, f.Certificate, cert)
}
