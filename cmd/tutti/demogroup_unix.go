//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// ownGroup starts a process that does not hear of Ctrl-C: this one tells it to end, once.
func ownGroup(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	return cmd.Start()
}
