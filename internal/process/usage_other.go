//go:build !linux

package process

import "os/exec"

// UsageOf returns ErrNoUsage.
func UsageOf(int) (Usage, error) { return Usage{}, ErrNoUsage }

func bindToParent(*exec.Cmd) {}
