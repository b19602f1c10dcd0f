package netlab_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/internal/netlab"
)

// TestMain is a server that says its process's number when the environment names an address, or a lab that does not end by itself.
func TestMain(m *testing.M) {
	switch role, rest, _ := strings.Cut(os.Getenv("NETLAB_TEST"), " "); role {
	case "":
		os.Exit(m.Run())
	case "server":
		l, err := net.Listen("tcp", rest)
		if err != nil {
			os.Exit(1)
		}
		for {
			conn, err := l.Accept()
			if err != nil {
				os.Exit(1)
			}
			fmt.Fprintln(conn, os.Getpid())
			conn.Close()
		}
	case "lab":
		l, err := netlab.Start(context.Background(), 1, 1)
		if err != nil {
			os.Exit(1)
		}
		pid, err := serve(l, 1)
		fmt.Println(pid, l.Address(netlab.Outside), err)
		select {}
	}
}

// serve starts a server at a host, and returns its process's number once it answers.
func serve(l *netlab.Lab, host int) (pid int, err error) {
	address := net.JoinHostPort(l.Address(host).String(), "4000")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "NETLAB_TEST=server "+address)
	if err := l.Start(host, cmd); err != nil {
		return 0, err
	}
	go cmd.Wait() // it ends with the lab
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(20 * time.Second); ; <-tick.C {
		said, err := call(address, time.Second)
		if err != nil && time.Now().Before(limit) {
			continue
		}
		if err != nil {
			return 0, err
		}
		if said != strconv.Itoa(cmd.Process.Pid) {
			return 0, fmt.Errorf("process %s answers, not %d", said, cmd.Process.Pid)
		}
		return cmd.Process.Pid, nil
	}
}

func call(address string, within time.Duration) (string, error) {
	conn, err := net.DialTimeout("tcp", address, within)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(line), err
}

// start starts a lab, or skips the test where there can be none. In CI that is a failure.
func start(t *testing.T, hosts int) *netlab.Lab {
	t.Helper()
	l, err := netlab.Start(t.Context(), hosts, 1)
	if errors.Is(err, netlab.ErrUnable) && os.Getenv("CI") != "true" {
		t.Skipf("%s: %v", t.Name(), err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return l
}

// mailbox is a UDP socket at a host.
type mailbox struct {
	net.PacketConn
	t *testing.T
}

func listen(t *testing.T, l *netlab.Lab, place int) *mailbox {
	t.Helper()
	m := &mailbox{t: t}
	open := func() (err error) {
		m.PacketConn, err = net.ListenPacket("udp4", net.JoinHostPort(l.Address(place).String(), "5000"))
		return err
	}
	var err error
	if place == netlab.Outside {
		err = open()
	} else {
		err = l.Do(place, open)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func (m *mailbox) send(to netip.Addr, text string) {
	m.t.Helper()
	if _, err := m.WriteTo([]byte(text), net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, 5000))); err != nil {
		m.t.Fatal(err)
	}
}

// take returns what comes: so many, and what comes besides for a short while.
func (m *mailbox) take(want int) (texts []string) {
	m.t.Helper()
	buf := make([]byte, 64)
	for {
		wait := soon
		if len(texts) >= want {
			wait = never
		}
		if err := m.SetReadDeadline(time.Now().Add(wait)); err != nil {
			m.t.Fatal(err)
		}
		n, _, err := m.ReadFrom(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return texts
		}
		if err != nil {
			m.t.Fatal(err)
		}
		texts = append(texts, string(buf[:n]))
	}
}

const (
	soon  = 10 * time.Second      // until what has to come has come
	never = 30 * time.Millisecond // what has not come by then is taken for lost
)

func TestHostsReachEachOther(t *testing.T) {
	l := start(t, 3)
	for host := 1; host <= l.Hosts(); host++ {
		if _, err := serve(l, host); err != nil {
			t.Fatalf("host %d: %v", host, err)
		}
	}
	for from := 1; from <= l.Hosts(); from++ {
		to := from%l.Hosts() + 1
		err := l.Do(from, func() error {
			_, err := call(net.JoinHostPort(l.Address(to).String(), "4000"), soon)
			return err
		})
		if err != nil {
			t.Errorf("from host %d to host %d: %v", from, to, err)
		}
	}
	if passed, lost := l.Packets(); passed == 0 || lost > 0 {
		t.Errorf("Packets = %d, %d, want some and none", passed, lost)
	}
}

func TestCuts(t *testing.T) {
	l := start(t, 3)
	var at []*mailbox
	for place := range l.Hosts() + 1 {
		at = append(at, listen(t, l, place))
	}
	for name, test := range map[string]struct {
		cut  func()
		dead string // of all ways
	}{
		"nothing":  {func() {}, ""},
		"off":      {func() { l.CutOff(2) }, "02 12 20 21 23 32"},
		"a pair":   {func() { l.CutPair(1, 3) }, "13 31"},
		"one way":  {func() { l.CutOneWay(1, 2) }, "12"},
		"out":      {func() { l.CutOut(3) }, "30 31 32"},
		"in":       {func() { l.CutIn(3) }, "03 13 23"},
		"two cuts": {func() { l.CutOneWay(0, 1); l.CutPair(2, 3) }, "01 23 32"},
	} {
		test.cut()
		for round, dead := range []string{test.dead, ""} {
			for from := range at {
				for to := range at {
					if from != to {
						at[from].send(l.Address(to), fmt.Sprintf("%d%d", from, to))
					}
				}
			}
			for to := range at {
				var want []string
				for from := range at {
					if text := fmt.Sprintf("%d%d", from, to); from != to && !strings.Contains(dead, text) {
						want = append(want, text)
					}
				}
				got := at[to].take(len(want))
				slices.Sort(got)
				if !slices.Equal(got, want) {
					t.Errorf("cut %s, healed %v: %d gets %v, want %v", name, round == 1, to, got, want)
				}
			}
			for place := range at {
				l.Heal(place)
			}
		}
	}
}

func TestWeather(t *testing.T) {
	const sent = 150 // what a socket holds before it is read
	l := start(t, 2)
	one, two := listen(t, l, 1), listen(t, l, 2)
	for name, test := range map[string]struct {
		weather    netlab.Weather
		least      int // how many come
		most       int
		slower     time.Duration // at least, until the last
		disordered bool
	}{
		"fine":     {netlab.Weather{}, sent, sent, 0, false},
		"loss":     {netlab.Weather{Loss: 0.5}, sent / 3, sent * 2 / 3, 0, false},
		"no way":   {netlab.Weather{Loss: 1}, 0, 0, 0, false},
		"twice":    {netlab.Weather{Duplicate: 0.5}, sent * 4 / 3, sent * 5 / 3, 0, false},
		"delay":    {netlab.Weather{Delay: 50 * time.Millisecond}, sent, sent, 50 * time.Millisecond, false},
		"jitter":   {netlab.Weather{Delay: 20 * time.Millisecond, Jitter: 10 * time.Millisecond}, sent, sent, 20 * time.Millisecond, true},
		"reorder":  {netlab.Weather{Delay: 20 * time.Millisecond, Reorder: 0.2}, sent, sent, 20 * time.Millisecond, true},
		"slow way": {netlab.Weather{Rate: 100_000}, sent, sent, 40 * time.Millisecond, false}, // 31 bytes a packet
	} {
		l.Set(2, test.weather)
		began := time.Now()
		for i := range sent {
			one.send(l.Address(2), fmt.Sprintf("%03d", i))
		}
		got := two.take(test.least)
		took := time.Since(began) - never
		l.Set(2, netlab.Weather{})
		if len(got) < test.least || len(got) > test.most {
			t.Errorf("%s: %d of %d packets came, want %d to %d", name, len(got), sent, test.least, test.most)
		}
		if took < test.slower {
			t.Errorf("%s: the last came after %s, want %s at least", name, took, test.slower)
		}
		if slices.IsSorted(got) == test.disordered {
			t.Errorf("%s: in order %v, want %v", name, !test.disordered, test.disordered)
		}
	}
}

// TestNothingIsLeft kills a process that has a lab: its device, its hosts and what runs there go with it.
func TestNothingIsLeft(t *testing.T) {
	start(t, 1) // or skips
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "NETLAB_TEST=lab")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	var outside, wrong string
	if _, err := fmt.Sscan(line, &pid, &outside, &wrong); err != nil || wrong != "<nil>" {
		t.Fatalf("the lab said %q", line)
	}
	if !has(t, outside) {
		t.Fatalf("%s is no address of this machine while the lab runs", outside)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(soon); ; <-tick.C {
		_, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
		gone := errors.Is(err, os.ErrNotExist)
		if gone && !has(t, outside) {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("after the lab was killed: process %d gone %v, address %s there %v", pid, gone, outside, has(t, outside))
		}
	}
}

func has(t *testing.T, address string) bool {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(all, func(a net.Addr) bool { return strings.HasPrefix(a.String(), address+"/") })
}

func TestProcessesEndWithTheLab(t *testing.T) {
	l, err := netlab.Start(t.Context(), 1, 1)
	if err != nil {
		start(t, 1) // skips or fails
	}
	pid, err := serve(l, 1)
	if err := errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(soon); ; <-tick.C {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid)); err != nil {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("process %d runs after Close", pid)
		}
	}
	if err := l.Do(1, func() error { return nil }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Do after Close = %v, want %v", err, os.ErrClosed)
	}
}

func TestNoSuchLab(t *testing.T) {
	for _, hosts := range []int{0, netlab.MostHosts + 1} {
		if _, err := netlab.Start(t.Context(), hosts, 1); err == nil {
			t.Errorf("Start with %d hosts = nil", hosts)
		}
	}
}
