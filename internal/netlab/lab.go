package netlab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"
)

// ErrUnable means that this machine cannot have a lab: it is no Linux, has no TUN devices, or the process may not make network
// namespaces. The error says which.
var ErrUnable = errors.New("netlab: there can be no lab here")

// MostHosts is how many hosts a lab may have.
const MostHosts = 200

// Outside is the place of the lab's own process in its network, beside those of the hosts, which are counted from 1.
const Outside = 0

// Lab is a network of hosts. It is safe for concurrent use.
type Lab struct {
	ports   []*port // by place
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	weather []Weather
	cut     map[way]bool

	passed, dropped atomic.Int64
}

// way is one direction between two places.
type way struct{ from, to int }

// port is where one place is plugged in.
type port struct {
	address netip.Addr
	device  io.ReadWriteCloser // a packet each
	host    *host              // nil outside
	queue   queue
}

// Start makes a lab of that many hosts, all of which reach each other and this process. What happens to packets by chance depends
// on the seed. Close ends it.
func Start(ctx context.Context, hosts int, seed uint64) (*Lab, error) {
	if hosts < 1 || hosts > MostHosts {
		return nil, fmt.Errorf("netlab: %d hosts, want 1 to %d", hosts, MostHosts)
	}
	l := &Lab{weather: make([]Weather, hosts+1), cut: make(map[way]bool)}
	ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	network, outside, err := plugOutside()
	if err != nil {
		l.cancel()
		return nil, err
	}
	l.ports = append(l.ports, outside)
	for i := range hosts {
		p, err := plugHost(addressOf(network, i+1))
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		l.ports = append(l.ports, p)
	}
	for i, p := range l.ports {
		p.queue.wake = make(chan struct{}, 1)
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		l.running.Go(func() { l.carry(i, rng) })
		l.running.Go(func() { p.queue.run(ctx, p.deliver) })
	}
	return l, nil
}

// addressOf returns the address of a place. The one outside has the last.
func addressOf(network byte, place int) netip.Addr {
	if place == Outside {
		place = MostHosts + 50
	}
	return netip.AddrFrom4([4]byte{198, 18, network, byte(place)})
}

// Hosts is how many there are.
func (l *Lab) Hosts() int { return len(l.ports) - 1 }

// Address returns that of a place.
func (l *Lab) Address(place int) netip.Addr { return l.ports[place].address }

// Start starts a process at a host. It ends with the lab, if not before.
func (l *Lab) Start(host int, cmd *exec.Cmd) error {
	return l.Do(host, func() error { return startIn(cmd) })
}

// Do calls f on a thread at the host: sockets that it opens by itself, not in other goroutines, are the host's. Calls for one host wait for each
// other.
func (l *Lab) Do(host int, f func() error) error { return l.ports[host].host.do(f) }

// Close ends the lab, its hosts and their processes. It is called once.
func (l *Lab) Close() error {
	l.cancel()
	defer l.running.Wait()
	var errs []error
	for _, p := range l.ports {
		errs = append(errs, p.device.Close())
		if p.host != nil {
			p.host.end()
		}
	}
	return errors.Join(errs...)
}

// Set says what becomes of the packets of a place from now on.
func (l *Lab) Set(place int, w Weather) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.weather[place] = w
}

// CutOneWay has nothing get from one place to another any more.
func (l *Lab) CutOneWay(from, to int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut[way{from, to}] = true
}

// CutPair has two places not reach each other any more.
func (l *Lab) CutPair(a, b int) {
	l.CutOneWay(a, b)
	l.CutOneWay(b, a)
}

// CutOff has a place reach nobody, and nobody reach it.
func (l *Lab) CutOff(place int) {
	for other := range l.ports {
		if other != place {
			l.CutPair(place, other)
		}
	}
}

// CutOut has nothing of what a place sends arrive; what others send to it does.
func (l *Lab) CutOut(place int) {
	for other := range l.ports {
		if other != place {
			l.CutOneWay(place, other)
		}
	}
}

// CutIn has a place get nothing any more; what it sends arrives.
func (l *Lab) CutIn(place int) {
	for other := range l.ports {
		if other != place {
			l.CutOneWay(other, place)
		}
	}
}

// Heal ends every cut of a place.
func (l *Lab) Heal(place int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for w := range l.cut {
		if w.from == place || w.to == place {
			delete(l.cut, w)
		}
	}
}

// Packets returns how many have passed and how many were lost so far.
func (l *Lab) Packets() (passed, lost int64) { return l.passed.Load(), l.dropped.Load() }

// largest is the most bytes of a packet.
const largest = 9000

// carry passes on what a place sends until its device is closed.
func (l *Lab) carry(from int, rng *rand.Rand) {
	buf := make([]byte, largest)
	free := make([]time.Time, len(l.ports))
	for {
		n, err := l.ports[from].device.Read(buf)
		if err != nil {
			return
		}
		to, ok := l.placeOf(buf[:n])
		if !ok || to == from {
			continue
		}
		l.pass(from, to, buf[:n], free, rng)
	}
}

// placeOf returns where an IPv4 packet goes.
func (l *Lab) placeOf(p []byte) (int, bool) {
	if len(p) < 20 || p[0]>>4 != 4 || p[16] != 198 || p[17] != 18 {
		return 0, false
	}
	for place, port := range l.ports {
		if a := port.address.As4(); a[2] == p[18] && a[3] == p[19] {
			return place, true
		}
	}
	return 0, false
}

func (l *Lab) pass(from, to int, data []byte, free []time.Time, rng *rand.Rand) {
	l.mu.Lock()
	cut, out, in := l.cut[way{from, to}], l.weather[from], l.weather[to]
	l.mu.Unlock()
	f, now := fate{lost: cut}, time.Now()
	if !cut {
		f.add(&out, len(data), now, &free[from], rng)
		f.add(&in, len(data), now, &free[to], rng)
	}
	if f.lost {
		l.dropped.Add(1)
		return
	}
	l.send(to, data, now, f.after)
	if f.twice {
		l.send(to, data, now, f.after)
	}
}

func (l *Lab) send(to int, data []byte, now time.Time, after time.Duration) {
	p := l.ports[to]
	switch {
	case after == 0:
		p.deliver(data)
	case !p.queue.put(data, now.Add(after)):
		l.dropped.Add(1)
		return
	}
	l.passed.Add(1)
}

// deliver hands a packet over. One that the device does not take is lost, as anywhere.
func (p *port) deliver(data []byte) { _, _ = p.device.Write(data) }
