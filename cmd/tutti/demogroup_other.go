//go:build !unix

package main

import "os/exec"

// ownGroup starts a process.
func ownGroup(cmd *exec.Cmd) error { return cmd.Start() }
