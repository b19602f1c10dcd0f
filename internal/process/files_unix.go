//go:build unix

package process

import "syscall"

// FileLimit returns how many files a process may have open at most, sockets among them, and false where that is not
// known. A Go program raises its own limit to it when it starts.
func FileLimit() (int64, bool) {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil || uint64(l.Max) > 1<<40 {
		return 0, false
	}
	return int64(l.Max), true
}
