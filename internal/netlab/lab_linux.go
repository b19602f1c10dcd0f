package netlab

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// host is a network namespace, and the thread that lives in it. The namespace has no name: it goes with the thread and the
// processes that were started there.
type host struct {
	calls chan func()
	quit  chan struct{} // closed by end
}

// do calls f on the host's thread.
func (h *host) do(f func() error) error {
	done := make(chan error, 1)
	select {
	case h.calls <- func() { done <- f() }:
		return <-done
	case <-h.quit:
		return os.ErrClosed
	}
}

// end ends the thread, and with it the processes that it started.
func (h *host) end() { close(h.quit) }

// live runs on a thread of its own, in a namespace of its own. It says what became of that.
func (h *host) live(made chan<- error) {
	runtime.LockOSThread() // for ever: the thread ends with the goroutine, and takes along the processes that are bound to it
	err := unix.Unshare(unix.CLONE_NEWNET)
	made <- err
	if err != nil {
		return
	}
	for {
		select {
		case f := <-h.calls:
			f()
		case <-h.quit:
			return
		}
	}
}

// plugHost makes a host with that address.
func plugHost(address netip.Addr) (*port, error) {
	h := &host{calls: make(chan func()), quit: make(chan struct{})}
	made := make(chan error, 1)
	go h.live(made) // ends with end
	if err := <-made; err != nil {
		return nil, fmt.Errorf("%w: make a network namespace: %w", ErrUnable, err)
	}
	p := &port{address: address, host: h}
	err := h.do(func() (err error) {
		if err := up("lo"); err != nil {
			return err
		}
		p.device, err = plug("eth0", address)
		return err
	})
	if err != nil {
		h.end()
		return nil, err
	}
	return p, nil
}

// tries is how many names of devices are tried: other labs may have some.
const tries = 50

// plugOutside makes a device in the namespace of this process, whose name no other lab of the machine has, and with it the
// number of the network.
func plugOutside() (network byte, p *port, err error) {
	for range tries {
		network = byte(rand.IntN(256))
		p = &port{address: addressOf(network, Outside)}
		if p.device, err = plug(fmt.Sprintf("tutti%d", network), p.address); err == nil {
			return network, p, nil
		}
		if !errors.Is(err, syscall.EBUSY) {
			break
		}
	}
	return 0, nil, err
}

// plug makes a TUN device of that name in the namespace of the calling thread. It lasts until it is closed.
func plug(name string, address netip.Addr) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: open /dev/net/tun: %w", ErrUnable, err)
	}
	f, err := device(fd, name)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: make the device %s: %w", ErrUnable, name, err), unix.Close(fd))
	}
	if err := configure(name, address); err != nil {
		return nil, errors.Join(fmt.Errorf("netlab: give %s the address %s: %w", name, address, err), f.Close())
	}
	return f, nil
}

func device(fd int, name string) (*os.File, error) {
	r, err := unix.NewIfreq(name)
	if err != nil {
		return nil, err
	}
	r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_TUN_EXCL)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, r); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// configure gives a device its address in a network of 256, and switches it on.
func configure(name string, address netip.Addr) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	r, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	a := address.As4()
	if err := r.SetInet4Addr(a[:]); err != nil {
		return err
	}
	if err := unix.IoctlIfreq(s, unix.SIOCSIFADDR, r); err != nil {
		return err
	}
	if err := r.SetInet4Addr([]byte{255, 255, 255, 0}); err != nil {
		return err
	}
	if err := unix.IoctlIfreq(s, unix.SIOCSIFNETMASK, r); err != nil {
		return err
	}
	r.SetUint32(largest)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFMTU, r); err != nil {
		return err
	}
	return up(name)
}

// up switches a device on.
func up(name string) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	r, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, r)
}

// startIn starts a process from the calling thread, with which it ends.
func startIn(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	return cmd.Start()
}
