package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	bareBytes  = 100
	bareRounds = 20
	barePause  = 50 * time.Millisecond // as at 20 events/s
	bareMost   = 2000                  // sockets
)

// bareWrite returns the CPU time, in µs, of one write of 100 bytes to each of so many loopback sockets in turn: the
// least that a delivery costs which shares its write with no other. Readers wait at the other ends, and what waking
// them costs within the write is counted, what they do is not. It takes about a second.
func bareWrite(ctx context.Context, sockets int) (perWrite float64, err error) {
	sockets = min(sockets, bareMost)
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("measure bare writes: %w", err)
	}
	defer l.Close()
	var readers sync.WaitGroup
	defer readers.Wait()
	var all []net.Conn
	defer func() {
		for _, c := range all {
			c.Close()
		}
	}()
	var dialer net.Dialer
	for range sockets {
		out, err := dialer.DialContext(ctx, "tcp", l.Addr().String())
		if err != nil {
			return 0, fmt.Errorf("measure bare writes: %w", err)
		}
		all = append(all, out)
		in, err := l.Accept()
		if err != nil {
			return 0, fmt.Errorf("measure bare writes: %w", err)
		}
		readers.Go(func() {
			defer in.Close()
			_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, in, make([]byte, 512)) // ends when the other side closes
		})
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var spent time.Duration
	message := make([]byte, bareBytes)
	for range bareRounds {
		time.Sleep(barePause)
		before, err := threadCPU()
		for i := 0; i < len(all) && err == nil; i++ {
			_, err = all[i].Write(message)
		}
		after, err2 := threadCPU()
		if err := errors.Join(err, err2); err != nil {
			return 0, fmt.Errorf("measure bare writes: %w", err)
		}
		spent += after - before
	}
	return float64(spent.Nanoseconds()) / 1000 / float64(bareRounds*len(all)), nil
}

// threadCPU returns the CPU time that this thread has used.
func threadCPU() (time.Duration, error) {
	const thisThread = 1 // RUSAGE_THREAD
	var u syscall.Rusage
	if err := syscall.Getrusage(thisThread, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
