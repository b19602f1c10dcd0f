package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/auth"
	"github.com/tutti-rt/tutti/internal/process"
)

const (
	maxDemoNodes = 7
	clusterKey   = "cluster-key"
	nodesFile    = "nodes.json"
	// demoStop is how long a node may take to end.
	demoStop = 20 * time.Second
)

// demoCluster is the nodes of a demo with several: processes of this program, each with a directory of its own.
type demoCluster struct {
	program    string
	dir        string
	adminToken string
	output     io.Writer
	nodes      []*demoNode
}

// demoNode is one of them.
type demoNode struct {
	Name  string `json:"name"`
	Serve string `json:"serve"` // addresses: for clients,
	Admin string `json:"admin"` // for the operator,
	Peer  string `json:"peer"`  // for other nodes,
	Route string `json:"route"` // and for their buses

	mu      sync.Mutex // held while the process is started or ended
	running *process.Node
}

// newDemoCluster returns the nodes that the directory has, or makes them: their addresses stay, since each knows the others by them.
func newDemoCluster(ctx context.Context, dir, adminToken string, count int, output io.Writer) (*demoCluster, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	t := &demoCluster{program: program, dir: dir, adminToken: adminToken, output: output}
	path := filepath.Join(dir, nodesFile)
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("read the nodes: %w", err)
	default:
		if err := json.Unmarshal(data, &t.nodes); err != nil {
			return nil, fmt.Errorf("read the nodes in %s: %w", path, err)
		}
	}
	if len(t.nodes) > count {
		return nil, fmt.Errorf("%s is of a demo with %d nodes: use --nodes %d, or another --data", dir, len(t.nodes), len(t.nodes))
	}
	for i := len(t.nodes); i < count; i++ {
		n := &demoNode{Name: fmt.Sprintf("n%d", i+1)}
		for _, address := range []*string{&n.Serve, &n.Admin, &n.Peer, &n.Route} {
			if *address, err = process.FreeAddress(ctx); err != nil {
				return nil, err
			}
		}
		t.nodes = append(t.nodes, n)
	}
	if data, err = json.MarshalIndent(t.nodes, "", "  "); err != nil {
		return nil, fmt.Errorf("write the nodes: %w", err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return nil, fmt.Errorf("write the nodes: %w", err)
	}
	if _, _, err := auth.KeepSecret(filepath.Join(dir, clusterKey)); err != nil {
		return nil, err
	}
	return t, nil
}

// start starts all nodes at once: those that have been a cluster before need each other. The first one founds it, which the others join.
func (t *demoCluster) start(ctx context.Context, secretFile string) error {
	errs := make([]error, len(t.nodes))
	var all sync.WaitGroup
	for i, n := range t.nodes {
		all.Go(func() {
			if err := t.startNode(ctx, n, secretFile); err != nil {
				errs[i] = fmt.Errorf("node %s: %w", n.Name, err)
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return errors.Join(err, t.stop())
	}
	return nil
}

// startNode starts one, which does nothing where it runs.
func (t *demoCluster) startNode(ctx context.Context, n *demoNode, secretFile string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.up() {
		return nil
	}
	args := []string{
		"serve", "--cluster", "demo", "--node", n.Name, "--data", filepath.Join(t.dir, n.Name), "--listen", n.Serve, "--admin", n.Admin,
		"--peer-listen", n.Peer, "--nats-listen", n.Route, "--cluster-secret-file", filepath.Join(t.dir, clusterKey),
		"--jwt-secret-file", secretFile, "--log-level", "warn", "--drain-spread", "500ms",
	}
	if first := t.nodes[0]; n != first {
		args = append(args, "--join", first.Peer)
	}
	var err error
	n.running, err = process.Start(ctx, process.Config{
		Program: t.program, Args: args, Env: []string{"TUTTI_ADMIN_TOKEN=" + t.adminToken}, Output: t.output, Address: n.Serve, Ready: time.Minute, Begin: ownGroup,
	})
	return err
}

// up reports whether the process runs. The caller holds mu.
func (n *demoNode) up() bool {
	if n.running == nil {
		return false
	}
	select {
	case <-n.running.Ended():
		return false
	default:
		return true
	}
}

// kill ends one without warning.
func (n *demoNode) kill() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.up() {
		return nil
	}
	return n.running.Kill()
}

// lives reports whether the node's process runs.
func (n *demoNode) lives() bool {
	if !n.mu.TryLock() {
		return false // it is being started or ended
	}
	defer n.mu.Unlock()
	return n.up()
}

// stop ends all nodes at once.
func (t *demoCluster) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), demoStop)
	defer cancel()
	errs := make([]error, len(t.nodes))
	var all sync.WaitGroup
	for i, n := range t.nodes {
		all.Go(func() {
			n.mu.Lock()
			defer n.mu.Unlock()
			if n.up() {
				errs[i] = n.running.Stop(ctx)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// named returns the node of that name, nil if there is none.
func (t *demoCluster) named(name string) *demoNode {
	if i := slices.IndexFunc(t.nodes, func(n *demoNode) bool { return n.Name == name }); i >= 0 {
		return t.nodes[i]
	}
	return nil
}

// dial connects to any node that lives.
func (t *demoCluster) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: time.Second}
	err := errors.New("no node lives")
	for _, i := range rand.Perm(len(t.nodes)) {
		if !t.nodes[i].lives() {
			continue
		}
		var c net.Conn
		if c, err = dialer.DialContext(ctx, network, t.nodes[i].Serve); err == nil {
			return c, nil
		}
	}
	return nil, err
}
