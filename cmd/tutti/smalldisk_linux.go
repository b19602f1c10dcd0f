package main

import (
	"fmt"
	"syscall"
)

func mountMemory(dir string, bytes int64) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, fmt.Sprintf("size=%d,mode=700", bytes))
}

func unmount(dir string) error { return syscall.Unmount(dir, 0) }
