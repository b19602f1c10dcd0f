//go:build !linux

package netlab

import (
	"net/netip"
	"os/exec"
)

type host struct{}

func (*host) do(func() error) error { return ErrUnable }

func (*host) end() {}

func plugOutside() (byte, *port, error) { return 0, nil, ErrUnable }

func plugHost(netip.Addr) (*port, error) { return nil, ErrUnable }

func startIn(*exec.Cmd) error { return ErrUnable }
