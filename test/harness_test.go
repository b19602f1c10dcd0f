package test_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
	"github.com/tutti-rt/tutti/internal/process"
)

const secret = "the secret of the tests that kill processes"

// programs is where the tests build what they run.
var programs string

// program is the path of tutti, built once for all tests of the package.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programs, "tutti.exe") // Windows wants the ending, the others do not mind
	out, err := exec.Command("go", "build", "-o", path, "../cmd/tutti").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build tutti: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if programs, err = os.MkdirTemp("", "tutti-test-*"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(programs)
		return m.Run()
	}())
}

// random returns the source of a test's choices, and prints its seed.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("TUTTI_TEST_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("TUTTI_TEST_SEED: %v", err)
		}
	}
	t.Logf("TUTTI_TEST_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// victim is the demo in a process of its own, which is killed and started again with the same data at the
// same address. It belongs to one goroutine.
type victim struct {
	url    string
	data   string
	config process.Config
	node   *process.Node
	output *output
	signer *auth.Signer
	kills  int
	slow   time.Duration // the longest start after a kill
}

func startDemo(t *testing.T) *victim {
	t.Helper()
	return startDemoWith(t, nil, nil)
}

// startDemoWith starts it with further flags and variables.
func startDemoWith(t *testing.T, flags, variables []string) *victim {
	t.Helper()
	if testing.CoverMode() != "" {
		t.Log("the program under test is built without coverage")
	}
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	address, err := process.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := auth.NewSigner([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	d := &victim{url: "http://" + address, data: t.TempDir(), output: &output{}, signer: signer}
	d.config = process.Config{
		Program: path, Args: append([]string{"demo", "--listen", address, "--data", d.data}, flags...),
		Env: append([]string{"TUTTI_JWT_SECRET=" + secret}, variables...), Output: d.output, Address: address,
	}
	if d.node, err = process.Start(t.Context(), d.config); err != nil {
		t.Fatalf("%v\n%s", err, d.output)
	}
	t.Cleanup(func() {
		if err := d.node.Kill(); err != nil {
			t.Errorf("kill the node in the end: %v", err)
		}
		if t.Failed() {
			t.Logf("the nodes printed:\n%s", d.output)
		}
	})
	return d
}

// kill ends the node without warning.
func (d *victim) kill() error {
	d.kills++
	return d.node.Kill()
}

// start starts it again.
func (d *victim) start(ctx context.Context) error {
	began := time.Now()
	node, err := process.Start(ctx, d.config)
	if err != nil {
		return fmt.Errorf("start after kill %d: %w", d.kills, err)
	}
	d.node = node
	d.slow = max(d.slow, time.Since(began))
	return nil
}

func (d *victim) token(sub string) (string, error) {
	return d.signer.Sign(tutti.Claims{Subject: sub, ExpiresAt: time.Now().Add(time.Hour)})
}

// output gathers what processes print.
type output struct {
	mu  sync.Mutex
	all bytes.Buffer
}

const maxOutput = 64 << 10

// Write keeps the first maxOutput bytes.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all.Len() < maxOutput {
		o.all.Write(p)
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.String()
}
