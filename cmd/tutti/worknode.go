package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
	"github.com/tutti-rt/tutti/bench"
	"github.com/tutti-rt/tutti/internal/process"
)

// workNode is a node that a tool works on.
type workNode struct {
	url    string
	signer *auth.Signer

	// Of a node of the tool's own.
	own        *process.Node // nil: at another place
	config     process.Config
	data       string
	temporary  bool         // data is removed in the end
	secured    *certificate // nil: plain HTTP
	admin      string
	adminToken string
	output     *tail
}

func newWorkNode(url string, secret []byte) (*workNode, error) {
	signer, err := auth.NewSigner(secret)
	if err != nil {
		return nil, err
	}
	return &workNode{url: url, signer: signer}, nil
}

// ownNode says what node a tool runs for itself.
type ownNode struct {
	command []string // of this very program
	data    string   // directory; empty: a new one beside the user's caches, where there is a real disk
	admin   bool     // with an address for the operator
	env     []string // added to its environment
	tls     bool     // with a certificate made for it
	secret  string   // of tokens; empty: a new one
}

// startOwn runs the node in a process of its own, with a secret of its own.
func startOwn(ctx context.Context, own ownNode) (_ *workNode, err error) {
	secret := cmp.Or(own.secret, rand.Text()+rand.Text())
	address, err := process.FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	n, err := newWorkNode("http://"+address, []byte(secret))
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	if n.data = own.data; own.data == "" {
		n.temporary = true
		if n.data, err = temporaryData(); err != nil {
			return nil, err
		}
	}
	if own.tls {
		if n.secured, err = makeCertificate(); err != nil {
			return nil, errors.Join(err, n.remove())
		}
		n.url = "https://" + address
		own.command = append(slices.Clone(own.command), "--tls-cert", n.secured.cert, "--tls-key", n.secured.key)
	}
	n.output = &tail{}
	n.config = process.Config{
		Program: program,
		Args:    append(slices.Clone(own.command), "--listen", address, "--data", n.data),
		Env:     append([]string{"TUTTI_JWT_SECRET=" + secret}, own.env...),
		Output:  n.output,
		Address: address,
	}
	if own.admin {
		n.adminToken = rand.Text()
		if n.admin, err = process.FreeAddress(ctx); err != nil {
			return nil, err
		}
		n.config.Args = append(n.config.Args, "--admin", n.admin)
		n.config.Env = append(n.config.Env, "TUTTI_ADMIN_TOKEN="+n.adminToken)
	}
	if n.own, err = process.Start(ctx, n.config); err != nil {
		return nil, errors.Join(fmt.Errorf("%w\n%s", err, n.output), n.remove())
	}
	return n, nil
}

// temporaryData makes a directory where there is a disk: the one for temporary files may be memory.
func temporaryData() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	if err := os.MkdirAll(base, 0o700); err != nil {
		return "", fmt.Errorf("make data directory: %w", err)
	}
	dir, err := os.MkdirTemp(base, "tutti-data-*")
	if err != nil {
		return "", fmt.Errorf("make data directory: %w", err)
	}
	return dir, nil
}

// token signs a token for the subject.
func (n *workNode) token(sub string) (string, error) {
	now := time.Now()
	return n.signer.Sign(tutti.Claims{Subject: sub, IssuedAt: now, ExpiresAt: now.Add(24 * time.Hour)})
}

// disk returns a directory on the disk that the node writes to, or on some disk when the node is elsewhere.
func (n *workNode) disk() string {
	if n.own != nil {
		return filepath.Clean(n.data)
	}
	return os.TempDir()
}

// usage returns what the node's process uses.
func (n *workNode) usage() (process.Usage, error) {
	if n.own == nil {
		return process.Usage{}, process.ErrNoUsage
	}
	return n.own.Usage()
}

// stopTime is how long a node may take to let its clients go.
const stopTime = 15 * time.Second

func (n *workNode) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime) // also after an interrupt
	defer cancel()
	return n.own.Stop(ctx)
}

// restart ends the tool's own node and starts it again with the same data.
func (n *workNode) restart(ctx context.Context) error {
	if err := n.stop(ctx); err != nil {
		return fmt.Errorf("restart: %w\n%s", err, n.output)
	}
	return n.start(ctx)
}

// start starts the tool's own node again, once it has ended, with the same data.
func (n *workNode) start(ctx context.Context) error {
	own, err := process.Start(ctx, n.config)
	if err != nil {
		return fmt.Errorf("start again: %w\n%s", err, n.output)
	}
	n.own = own
	return nil
}

// close ends the tool's own node and removes what is temporary.
func (n *workNode) close(ctx context.Context) error {
	if n.own == nil {
		return nil
	}
	return errors.Join(n.stop(ctx), n.remove())
}

func (n *workNode) remove() error {
	var errs []error
	if n.temporary {
		errs = append(errs, os.RemoveAll(n.data))
	}
	if n.secured != nil {
		errs = append(errs, n.secured.remove())
	}
	return errors.Join(errs...)
}

// target says how load reaches the node.
func (n *workNode) target() bench.Target {
	t := bench.Target{URL: n.url, Token: n.token}
	if n.secured != nil {
		t.TLS = n.secured.trust
	}
	return t
}
