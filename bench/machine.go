package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"time"
)

// Machine is what the machine itself can do, measured just before a run.
type Machine struct {
	Cores       int     `json:"cores"`
	Fsync       Latency `json:"fsync"`           // one append of 4 KiB with its sync
	SocketWrite float64 `json:"socket_write_us"` // mean of one write of 100 bytes to a loopback socket
}

const (
	syncs  = 200
	writes = 20_000
)

// MeasureMachine measures the machine, syncing in dir. It takes about a second.
func MeasureMachine(ctx context.Context, dir string) (Machine, error) {
	m := Machine{Cores: runtime.GOMAXPROCS(0)}
	var err, errWrite error
	m.Fsync, err = measureFsync(dir)
	m.SocketWrite, errWrite = measureSocketWrite(ctx)
	if err := errors.Join(err, errWrite); err != nil {
		return m, fmt.Errorf("measure the machine: %w", err)
	}
	return m, nil
}

func measureFsync(dir string) (Latency, error) {
	f, err := os.CreateTemp(dir, "fsync-*")
	if err != nil {
		return Latency{}, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	h, block := newHistogram(), make([]byte, 4096)
	for range syncs {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return Latency{}, err
		}
		if err := f.Sync(); err != nil {
			return Latency{}, err
		}
		record(h, time.Since(began))
	}
	return latencyOf(h), nil
}

func measureSocketWrite(ctx context.Context) (float64, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	var dialer net.Dialer
	out, err := dialer.DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		return 0, err
	}
	defer out.Close()
	in, err := l.Accept()
	if err != nil {
		return 0, err
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, in) // ends when the other side closes
	}()
	message := make([]byte, 100)
	began := time.Now()
	for range writes {
		if _, err := out.Write(message); err != nil {
			return 0, err
		}
	}
	took := time.Since(began)
	out.Close()
	<-drained
	return float64(took.Nanoseconds()) / 1000 / writes, in.Close()
}
