//go:build unix

package peer_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/peer"
)

// asNode is the variable that has the test program be node 2, for the node at the address that it holds.
const asNode = "TUTTI_PEER_TEST_NODE"

// TestBeNode is no test but a node in a process of its own.
func TestBeNode(t *testing.T) {
	other := os.Getenv(asNode)
	if other == "" {
		t.Skip("runs in a process that another test starts")
	}
	n := loopback(t, 2)
	n.SetPeer(1, other)
	fmt.Println("listening at", n.address)
	_, _ = io.Copy(io.Discard, os.Stdin) // until the other process ends
}

// process starts node 2 beside a and has the two meet.
func process(t *testing.T, a *host) *os.Process {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBeNode$")
	c.Env = append(os.Environ(), asNode+"="+a.address)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = c.Process.Kill()
		_ = c.Wait() // it was killed
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if address, ok := strings.CutPrefix(lines.Text(), "listening at "); ok {
			a.SetPeer(2, address)
			within(t, a, true, 20*time.Second)
			return c.Process
		}
	}
	t.Fatal("the process does not say where it listens")
	return nil
}

func TestProcessIsKilled(t *testing.T) {
	a := loopback(t, 1)
	best := time.Hour
	for range 3 { // one of them, should the machine be busy
		p := process(t, a)
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		best = min(best, within(t, a, false, 10*time.Second))
	}
	t.Logf("told after %v at best", best)
	if best > 100*time.Millisecond {
		t.Errorf("a killed process was told to be down after %v at best", best)
	}
}

func TestProcessIsStopped(t *testing.T) {
	a := loopback(t, 1, func(_ *host, c *peer.Config) { c.Silence = 400 * time.Millisecond })
	p := process(t, a)
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	took := within(t, a, false, 10*time.Second)
	t.Logf("told after %v", took)
	if took < 200*time.Millisecond || took > 3*time.Second {
		t.Errorf("a stopped process was told to be down after %v, want about 400 ms", took)
	}
	if err := p.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	within(t, a, true, 10*time.Second)
}
