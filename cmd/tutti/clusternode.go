package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tutti-rt/tutti/bench/proof"
	"github.com/tutti-rt/tutti/internal/faults"
	"github.com/tutti-rt/tutti/internal/netlab"
	"github.com/tutti-rt/tutti/internal/process"
)

// clusterNodes is the nodes of a run.
type clusterNodes struct {
	nodes  []*clusterNode
	output *tail
	logs   []io.Closer
}

// clusterNode is one of them.
type clusterNode struct {
	config process.Config
	node   *process.Node // nil: it has never been started
	data   string
	admin  string
	token  string
	client *http.Client
	others string // addresses of the nodes that it joins
	join   bool   // it does
	tail   *tail  // of what all nodes print
}

var _ proof.Node = (*clusterNode)(nil)

// Ports of a node that has a host of its own.
const (
	servePort = "8080"
	adminPort = "8081"
	peerPort  = "7946"
	routePort = "6222"
)

// benchHeartbeat is how often nodes of a cluster under test ping clients: a link to a node that stands still is given up soon.
const benchHeartbeat = time.Second

// newClusterNodes makes nodes, none of which runs yet. The first founds a cluster where there are others.
func newClusterNodes(ctx context.Context, nodes, spares int, dir, secret string, lab *netlab.Lab) (*clusterNodes, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	t := &clusterNodes{output: &tail{}}
	clusterSecret, adminToken := rand.Text()+rand.Text(), rand.Text()
	var peers []string
	for i := 1; i <= nodes+spares; i++ {
		addresses, err := addressesOf(ctx, i, lab)
		if err != nil {
			return nil, err
		}
		n := &clusterNode{data: filepath.Join(dir, fmt.Sprintf("n%d", i)), admin: addresses[1], token: adminToken, tail: t.output, client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
		args := []string{"bench", "node", "--faults", "--heartbeat", benchHeartbeat.String(), "--listen", addresses[0], "--admin", n.admin, "--data", n.data}
		if nodes+spares > 1 {
			args = append(args, "--cluster", "proof", "--node", fmt.Sprintf("n%d", i), "--peer-listen", addresses[2], "--nats-listen", addresses[3])
			n.join = i > 1
			peers = append(peers, addresses[2])
		}
		n.config = process.Config{
			Program: program, Args: args, Output: t.output, Address: addresses[0],
			Env: []string{"TUTTI_JWT_SECRET=" + secret, "TUTTI_ADMIN_TOKEN=" + adminToken, "TUTTI_CLUSTER_SECRET=" + clusterSecret},
		}
		if lab != nil {
			n.config.Begin = func(cmd *exec.Cmd) error { return lab.Start(i, cmd) }
		}
		if err := os.Mkdir(n.data, 0o700); err != nil {
			return nil, fmt.Errorf("make data directory: %w", err)
		}
		if err := t.write(n); err != nil {
			return nil, err
		}
		t.nodes = append(t.nodes, n)
	}
	for i, n := range t.nodes {
		if len(peers) > 0 {
			n.others = strings.Join(slices.Concat(peers[:i], peers[i+1:]), ",")
		}
	}
	return t, nil
}

// write has what the node prints be kept beside its data, too.
func (t *clusterNodes) write(n *clusterNode) error {
	f, err := os.OpenFile(n.data+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make a log: %w", err)
	}
	t.logs = append(t.logs, f)
	n.config.Output = io.MultiWriter(t.output, f)
	return nil
}

// addressesOf returns where a node listens: for clients, for the operator, for nodes and for routes.
func addressesOf(ctx context.Context, host int, lab *netlab.Lab) (all [4]string, err error) {
	for i, port := range []string{servePort, adminPort, peerPort, routePort} {
		if lab != nil {
			all[i] = net.JoinHostPort(lab.Address(host).String(), port)
			continue
		}
		if all[i], err = process.FreeAddress(ctx); err != nil {
			return all, err
		}
	}
	return all, nil
}

// end ends all nodes without warning.
func (t *clusterNodes) end(context.Context) error {
	var errs []error
	for _, n := range t.nodes {
		if n.node != nil {
			errs = append(errs, n.node.Kill())
		}
	}
	for _, f := range t.logs {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// URL implements proof.Node.
func (n *clusterNode) URL() string { return "http://" + n.config.Address }

// Start implements proof.Node.
func (n *clusterNode) Start(ctx context.Context) error {
	config := n.config
	if n.join {
		config.Args = append(slices.Clone(config.Args), "--join", n.others)
	}
	for try := 1; ; try++ {
		started, err := process.Start(ctx, config)
		if err == nil {
			n.node = started
			return nil
		}
		if ctx.Err() != nil || try == bindTries || !strings.Contains(n.tail.String(), "address already in use") {
			return fmt.Errorf("start: %w\n%s", err, n.tail)
		}
		select { // another connection of this machine has got the port
		case <-ctx.Done():
			return err
		case <-time.After(time.Second):
		}
	}
}

// Kill implements proof.Node.
func (n *clusterNode) Kill() error { return n.node.Kill() }

// Stop implements proof.Node.
func (n *clusterNode) Stop(ctx context.Context) error { return n.node.Stop(ctx) }

// Pause implements proof.Node.
func (n *clusterNode) Pause() error { return n.node.Pause() }

// Resume implements proof.Node.
func (n *clusterNode) Resume() error { return n.node.Resume() }

// Fail implements proof.Node.
func (n *clusterNode) Fail(s faults.Settings) error {
	return s.Write(filepath.Join(n.data, faultsFile))
}

// Lose implements proof.Node.
func (n *clusterNode) Lose() error {
	n.join = n.others != ""
	if err := os.RemoveAll(n.data); err != nil {
		return fmt.Errorf("lose a disk: %w", err)
	}
	return os.Mkdir(n.data, 0o700)
}

// maxStatus bounds the bytes of what a node says of its cluster.
const maxStatus = 4 << 20

// Status implements proof.Node.
func (n *clusterNode) Status(ctx context.Context) (s proof.Status, err error) {
	body, err := n.ask(ctx, http.MethodGet, clusterPath, "")
	if err != nil {
		return s, fmt.Errorf("%w: %w", proof.ErrNoStatus, err)
	}
	return s, json.Unmarshal(body, &s)
}

// Metrics implements proof.Node.
func (n *clusterNode) Metrics(ctx context.Context) (map[string]float64, error) {
	body, err := n.ask(ctx, http.MethodGet, "/metrics", "")
	if err != nil {
		return nil, err
	}
	return readMetrics(bytes.NewReader(body))
}

const clusterPath = "/admin/v1/cluster"

// Operate implements proof.Node.
func (n *clusterNode) Operate(ctx context.Context, act, body string) error {
	_, err := n.ask(ctx, http.MethodPost, clusterPath+"/"+act, body)
	return err
}

// ask sends an operator's request.
func (n *clusterNode) ask(ctx context.Context, method, path, body string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+n.admin+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+n.token)
	response, err := n.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxStatus))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, answer)
	}
	return answer, err
}
