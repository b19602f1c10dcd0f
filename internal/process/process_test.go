package process_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/internal/process"
)

const listenAt = "PROCESS_TEST_LISTEN"

// TestMain is the node when the environment names an address.
func TestMain(m *testing.M) {
	address := os.Getenv(listenAt)
	if address == "" {
		os.Exit(m.Run())
	}
	if address == "nowhere" {
		os.Exit(3)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		os.Exit(1)
	}
	os.Stdout.WriteString("listening\n")
	for {
		conn, err := l.Accept()
		if err != nil {
			os.Exit(1)
		}
		conn.Close()
	}
}

func start(t *testing.T, output *bytes.Buffer) *process.Node {
	t.Helper()
	address, err := process.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n, err := process.Start(t.Context(), process.Config{
		Program: os.Args[0], Env: []string{listenAt + "=" + address}, Output: output, Address: address,
	})
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(func() { n.Kill() })
	return n
}

func TestKill(t *testing.T) {
	var output bytes.Buffer
	n := start(t, &output)
	if u, err := n.Usage(); runtime.GOOS == "linux" && (err != nil || u.RSS == 0 || u.PeakRSS < u.RSS) {
		t.Errorf("Usage() = %+v, %v, want resident memory", u, err)
	} else if runtime.GOOS != "linux" && !errors.Is(err, process.ErrNoUsage) {
		t.Errorf("Usage() = %v, want %v", err, process.ErrNoUsage)
	}
	if err := n.Kill(); err != nil {
		t.Fatalf("Kill: %v", err)
	}
	select {
	case <-n.Ended():
	default:
		t.Error("Ended is open after Kill")
	}
	if err := n.Kill(); err != nil {
		t.Errorf("second Kill: %v", err)
	}
	if !strings.Contains(output.String(), "listening") {
		t.Errorf("output = %q, want what the program printed", output.String())
	}
}

func TestStopReportsHowItEnded(t *testing.T) {
	n := start(t, &bytes.Buffer{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := n.Stop(ctx); err == nil {
		t.Error("Stop of a program that dies of the signal = nil, want how it ended")
	}
}

func TestStartOfAProgramThatEnds(t *testing.T) {
	_, err := process.Start(t.Context(), process.Config{
		Program: os.Args[0], Env: []string{listenAt + "=nowhere"}, Address: "127.0.0.1:1",
	})
	if err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("Start = %v, want exit status 3", err)
	}
}

// TestPause has a process stand still: it accepts nothing until it is resumed.
func TestPause(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("TestPause: processes cannot be paused here")
	}
	n := start(t, &bytes.Buffer{})
	if err := n.Pause(); err != nil {
		t.Fatalf("Pause: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- n.Stop(t.Context()) }()
	select {
	case err := <-ended:
		t.Fatalf("a paused process took the request to end: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := n.Resume(); err != nil {
		t.Fatalf("Resume: %v", err)
	}
	<-ended
}

// TestBegin has somebody else start the process.
func TestBegin(t *testing.T) {
	refused := errors.New("refused")
	_, err := process.Start(t.Context(), process.Config{
		Program: os.Args[0], Address: "127.0.0.1:1", Begin: func(*exec.Cmd) error { return refused },
	})
	if !errors.Is(err, refused) {
		t.Errorf("Start = %v, want %v", err, refused)
	}
}
