package edge

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// pollEvents is how many sockets are asked for at once.
	pollEvents = 128
	// pollStint is how many sockets are looked at before those who were given work may do it: turns that begin all at
	// once need a goroutine each, while those that follow each other share a few.
	pollStint = 16
	// pollBytes is how much is read from one of them before the next has its turn.
	pollBytes = 32 << 10
)

// poller reads from the sockets of a worker's links, on one goroutine: a link that is idle then has none of its own,
// and those that have something to read at the same time are woken for together. It waits for its sockets
// with an epoll instance, and for that as for any file, so that no thread is kept waiting.
type poller struct {
	begin sync.Once
	err   error          // of begin
	work  sync.WaitGroup // goroutines

	file *os.File
	raw  syscall.RawConn

	// Of the goroutine that polls.
	events [pollEvents]unix.EpollEvent
	next   int // event to look at
	n      int // events there are
	buf    []byte
	shift  *shift

	mu      sync.Mutex
	sockets []*pollSocket // by file descriptor
}

// shift is one goroutine's time of polling.
type shift struct{ over bool }

// start makes the poller poll, once. It returns an error where the system has no more files to give.
func (p *poller) start() error {
	p.begin.Do(func() {
		fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		if err != nil {
			p.err = fmt.Errorf("edge: make a poller: %w", err)
			return
		}
		if err := unix.SetNonblock(fd, true); err != nil {
			p.err = fmt.Errorf("edge: make a poller: %w", err)
			unix.Close(fd)
			return
		}
		p.file = os.NewFile(uintptr(fd), "epoll")
		if p.raw, p.err = p.file.SyscallConn(); p.err != nil {
			p.file.Close()
			return
		}
		p.buf = make([]byte, pollBytes)
		p.work.Go(p.run)
	})
	return p.err
}

// stop ends the polling and waits for it. No socket is left.
func (p *poller) stop() {
	p.begin.Do(func() {}) // it will not start any more
	if p.file != nil {
		_ = p.file.Close() // whoever waits for it notices
	}
	p.work.Wait()
}

// run polls until the poller is closed, or until somebody else does.
func (p *poller) run() {
	own := &shift{}
	p.shift = own
	for !own.over {
		if p.next == p.n && !p.wait() {
			return
		}
		if p.next%pollStint == pollStint-1 {
			runtime.Gosched()
		}
		e := &p.events[p.next]
		p.next++
		if s := p.socket(int(e.Fd)); s != nil {
			s.ready(e.Events)
		}
	}
}

// handOver has another goroutine poll on, since what the caller does may take a while. The caller is the
// goroutine that polls; it does not do so any more.
func (p *poller) handOver() {
	p.shift.over = true
	p.buf = make([]byte, pollBytes)
	p.work.Go(p.run)
}

// wait waits until there are events. It reports false once the poller is closed.
func (p *poller) wait() bool {
	p.next, p.n = 0, 0
	err := p.raw.Read(func(fd uintptr) bool {
		n, err := unix.EpollWait(int(fd), p.events[:], 0)
		for err == unix.EINTR {
			n, err = unix.EpollWait(int(fd), p.events[:], 0)
		}
		p.n = max(n, 0)
		return p.n > 0
	})
	return err == nil
}

func (p *poller) socket(fd int) *pollSocket {
	p.mu.Lock()
	defer p.mu.Unlock()
	if fd >= len(p.sockets) {
		return nil
	}
	return p.sockets[fd]
}

// add registers the socket, to be told of nothing yet.
func (p *poller) add(s *pollSocket) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s.fd >= len(p.sockets) {
		p.sockets = append(p.sockets, make([]*pollSocket, max(64, len(p.sockets)))...)
	}
	p.sockets[s.fd] = s
	e := unix.EpollEvent{Events: unix.EPOLLONESHOT, Fd: int32(s.fd)}
	return p.control(unix.EPOLL_CTL_ADD, s.fd, &e)
}

// remove forgets the socket.
func (p *poller) remove(s *pollSocket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sockets[s.fd] = nil
	_ = p.control(unix.EPOLL_CTL_DEL, s.fd, nil) // closing it does the same
}

func (p *poller) control(op, fd int, e *unix.EpollEvent) error {
	var err error
	if closed := p.raw.Control(func(epoll uintptr) { err = unix.EpollCtl(int(epoll), op, fd, e) }); closed != nil {
		return closed
	}
	return os.NewSyscallError("epoll_ctl", err)
}
