package process

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// tick is the unit of times in /proc, the same on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// UsageOf returns what the process of that number has used so far, or ErrNoUsage.
func UsageOf(pid int) (Usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Usage{}, fmt.Errorf("usage of process %d: %w", pid, err)
	}
	_, rest, _ := bytes.Cut(stat, []byte(") ")) // the program's name may hold spaces
	fields := bytes.Fields(rest)
	if len(fields) < 13 {
		return Usage{}, fmt.Errorf("usage of process %d: unknown format %q", pid, stat)
	}
	var u Usage
	for _, f := range fields[11:13] { // utime, stime
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return Usage{}, fmt.Errorf("usage of process %d: %w", pid, err)
		}
		u.CPU += time.Duration(n) * tick
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Usage{}, fmt.Errorf("usage of process %d: %w", pid, err)
	}
	u.RSS = kilobytes(status, "\nVmRSS:")
	u.PeakRSS = kilobytes(status, "\nVmHWM:")
	u.Waited = waited(pid)
	return u, nil
}

// waited returns how long the threads that the process has now had to wait for a core; 0 where the kernel does not say.
func waited(pid int) time.Duration {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid)) // the pattern is a good one
	var sum time.Duration
	for _, file := range files {
		stat, _ := os.ReadFile(file) // empty for a thread that has ended
		if fields := bytes.Fields(stat); len(fields) == 3 {
			n, _ := strconv.ParseInt(string(fields[1]), 10, 64)
			sum += time.Duration(n)
		}
	}
	return sum
}

// kilobytes returns the value of one line of /proc/PID/status in bytes.
func kilobytes(status []byte, name string) int64 {
	_, rest, _ := bytes.Cut(status, []byte(name))
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(string(fields[0]), 10, 64) // 0 where there is none
	return n << 10
}

// bindToParent makes the process end when this one does, however that ends.
func bindToParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
