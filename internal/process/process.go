// Package process runs a node in a process of its own, for load generators and for tests that kill it.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Config says what to run. Program and Address are required.
type Config struct {
	Program string
	Args    []string
	Env     []string  // added to this process's own environment
	Output  io.Writer // of what the program prints; nil discards it
	Address string    // host:port that accepts connections once the node is ready
	// Begin starts the process, at another place than this process's. Nil: here.
	Begin func(cmd *exec.Cmd) error
	// Ready is how long the node may take until then (default 30 s).
	Ready time.Duration
}

// Node is a running process. It is safe for concurrent use.
type Node struct {
	config Config
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the process is gone
	err    error         // of Wait; read after ended
}

// Start runs the program and returns once it accepts connections at the address. The caller ends
// it with Stop or Kill. Done ctx ends the waiting and the process.
func Start(ctx context.Context, c Config) (*Node, error) {
	if c.Ready == 0 {
		c.Ready = 30 * time.Second
	}
	n := &Node{config: c, cmd: exec.Command(c.Program, c.Args...), ended: make(chan struct{})}
	n.cmd.Env = append(os.Environ(), c.Env...)
	n.cmd.Stdout, n.cmd.Stderr = c.Output, c.Output
	bindToParent(n.cmd)
	begin := c.Begin
	if begin == nil {
		begin = (*exec.Cmd).Start
	}
	if err := begin(n.cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Program, err)
	}
	go func() { // ends with the process, which Stop and Kill wait for
		n.err = n.cmd.Wait()
		close(n.ended)
	}()
	if err := n.ready(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", c.Program, err), n.Kill())
	}
	return n, nil
}

// ready waits until somebody accepts connections at the address.
func (n *Node) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, n.config.Ready)
	defer cancel()
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "tcp", n.config.Address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-n.ended:
			return fmt.Errorf("ended before it accepted connections: %w", n.failure())
		case <-ctx.Done():
			return fmt.Errorf("no connection to %s: %w", n.config.Address, err)
		case <-again.C:
		}
	}
}

// failure returns why the process ended by itself, once it has.
func (n *Node) failure() error {
	if n.err == nil {
		return errors.New("exit status 0")
	}
	return n.err
}

// PID returns the process's number.
func (n *Node) PID() int { return n.cmd.Process.Pid }

// Ended is closed when the process is gone, however that came.
func (n *Node) Ended() <-chan struct{} { return n.ended }

// ExitCode returns the exit status of a process that has ended, and -1 while it runs and when a signal ended it.
func (n *Node) ExitCode() int {
	select {
	case <-n.ended:
		return n.cmd.ProcessState.ExitCode()
	default:
		return -1
	}
}

// Kill ends the process without warning (SIGKILL) and waits until it is gone.
func (n *Node) Kill() error {
	err := n.cmd.Process.Kill()
	<-n.ended
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Stop asks the process to end and waits until it is gone. It kills the process when ctx is done
// before, or where processes cannot be asked, and returns how the process ended.
func (n *Node) Stop(ctx context.Context) error {
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return n.Kill()
	}
	select {
	case <-n.ended:
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("stop process %d: %w", n.PID(), ctx.Err()), n.Kill())
	}
	if n.err != nil {
		return fmt.Errorf("process %d: %w", n.PID(), n.err)
	}
	return nil
}

// Ports that FreeAddress chooses from: below those that systems give to connections (32768 on Linux, 49152 elsewhere), any of
// which may be taken again before its listener is there.
const (
	leastPort = 10_000
	mostPort  = 32_000
)

// given has the ports that this process has chosen.
var given sync.Map

// FreeAddress returns a loopback address that nobody listens at just now, that no connection of this machine is given by chance, and that
// it has not returned before.
func FreeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	failed := errors.New("none was found")
	for range 100 {
		port := leastPort + rand.IntN(mostPort-leastPort)
		if _, taken := given.Load(port); taken {
			continue
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		l, err := config.Listen(ctx, "tcp", address)
		if err != nil {
			failed = err
			continue
		}
		given.Store(port, true)
		return address, l.Close()
	}
	return "", fmt.Errorf("find a free address: %w", failed)
}
