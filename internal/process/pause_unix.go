//go:build unix

package process

import "syscall"

// Pause has the process stand still (SIGSTOP), with all that it holds, until Resume.
func (n *Node) Pause() error { return n.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume has it go on.
func (n *Node) Resume() error { return n.cmd.Process.Signal(syscall.SIGCONT) }
