// Package relay passes TCP connections on and treats them badly on the way: it cuts them at any byte, stalls them and
// delays what they carry.
package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Config says how connections are treated. Target is required; what else is zero does not happen.
type Config struct {
	Target string // host:port
	Seed   uint64

	// CutAfter is how many bytes a connection carries about, both ways together, until it is cut at some byte.
	CutAfter int
	// Silent is the share of cuts after which neither side hears anything for up to Stall, before the end.
	Silent float64
	// Stall is for how long at most a connection stands still, and StallEvery after how many pieces about.
	Stall      time.Duration
	StallEvery int
	// Delay is how long at most each piece takes.
	Delay time.Duration
	// Alter changes a piece on its way, where there is a need for lies. It is called by one goroutine for each direction
	// of each connection.
	Alter func(c *Conn, toClient bool, piece []byte) []byte
}

// Conn is one connection through a relay. Own is for Alter, one for each direction.
type Conn struct{ Own [2]any }

// Counts says what a relay has done so far.
type Counts struct {
	Connections int64 `json:"connections"`
	Cuts        int64 `json:"cuts"`
	Silences    int64 `json:"silent_cuts"`
	Stalls      int64 `json:"stalls"`
}

// Add adds what another relay has done.
func (c *Counts) Add(other Counts) {
	c.Connections += other.Connections
	c.Cuts += other.Cuts
	c.Silences += other.Silences
	c.Stalls += other.Stalls
}

// Relay is a listener that passes connections on.
type Relay struct {
	config   Config
	listener net.Listener
	calm     atomic.Bool
	open     sync.WaitGroup

	connections, cuts, silences, stalls atomic.Int64

	mu  sync.Mutex
	rng *rand.Rand
}

// Listen opens a relay at a free port of this machine. Run passes connections on.
func Listen(ctx context.Context, c Config) (*Relay, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for a relay: %w", err)
	}
	return &Relay{config: c, listener: l, rng: rand.New(rand.NewPCG(c.Seed, 77))}, nil
}

// Addr returns where the relay listens.
func (r *Relay) Addr() string { return r.listener.Addr().String() }

// Calm has the relay do no harm any more, to connections that there are as well.
func (r *Relay) Calm() { r.calm.Store(true) }

// Counts returns what has been done.
func (r *Relay) Counts() Counts {
	return Counts{Connections: r.connections.Load(), Cuts: r.cuts.Load(), Silences: r.silences.Load(), Stalls: r.stalls.Load()}
}

// Run passes connections on until ctx is done, and returns when all of them have ended.
func (r *Relay) Run(ctx context.Context) error {
	defer r.open.Wait()
	stop := context.AfterFunc(ctx, func() { _ = r.listener.Close() }) // it is wanted no more
	defer stop()
	for {
		conn, err := r.listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept for the relay to %s: %w", r.config.Target, err)
		}
		r.connections.Add(1)
		r.open.Go(func() { r.pass(ctx, conn.(*net.TCPConn)) })
	}
}

// random calls f with the source of choices.
func (r *Relay) random(f func(rng *rand.Rand)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r.rng)
}

// passing is one connection on its way.
type passing struct {
	*Relay
	Conn
	ctx    context.Context
	cancel context.CancelFunc
	left   atomic.Int64 // bytes until the cut
	rng    [2]*rand.Rand
	both   [2]*net.TCPConn // client, server
	once   sync.Once
}

func (r *Relay) pass(ctx context.Context, client *net.TCPConn) {
	defer client.Close()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", r.config.Target)
	if err != nil {
		_ = client.SetLinger(0) // as where nobody listens
		return
	}
	server := conn.(*net.TCPConn)
	defer server.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &passing{Relay: r, ctx: ctx, cancel: cancel, both: [2]*net.TCPConn{client, server}}
	p.left.Store(1 << 62)
	r.random(func(rng *rand.Rand) {
		if r.config.CutAfter > 0 {
			p.left.Store(1 + int64(rng.ExpFloat64()*float64(r.config.CutAfter)))
		}
		for i := range p.rng {
			p.rng[i] = rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64()))
		}
	})
	stop := context.AfterFunc(ctx, func() { // wakes both directions
		_ = client.SetDeadline(time.Now())
		_ = server.SetDeadline(time.Now())
	})
	defer stop()
	var there sync.WaitGroup
	there.Go(func() { p.carry(0) })
	p.carry(1)
	there.Wait()
}

// errCut ends a direction.
var errCut = errors.New("relay: cut")

// carry passes on what comes from one side.
func (p *passing) carry(from int) {
	in, out, rng := p.both[from], p.both[1-from], p.rng[from]
	buf := make([]byte, 16<<10)
	for {
		n, err := in.Read(buf)
		if n > 0 {
			if wrong := p.piece(out, from, rng, buf[:n]); wrong != nil {
				p.cancel()
				return
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				_ = out.CloseWrite() // the other direction may go on
			} else {
				p.cancel()
			}
			return
		}
	}
}

func (p *passing) piece(out *net.TCPConn, from int, rng *rand.Rand, piece []byte) error {
	if p.config.Alter != nil {
		piece = p.config.Alter(&p.Conn, from == 1, piece)
	}
	if p.calm.Load() {
		_, err := out.Write(piece)
		return err
	}
	if p.config.Delay > 0 {
		p.wait(time.Duration(rng.Int64N(int64(p.config.Delay))))
	}
	if p.config.StallEvery > 0 && rng.IntN(p.config.StallEvery) == 0 {
		p.stalls.Add(1)
		p.wait(time.Duration(rng.Int64N(int64(cmp.Or(p.config.Stall, 1)))))
	}
	if left := p.left.Add(-int64(len(piece))); left < 0 {
		_, _ = out.Write(piece[:max(0, int64(len(piece))+left)]) // the last that gets through
		p.cut(rng)
		return errCut
	}
	_, err := out.Write(piece)
	return err
}

// wait waits, unless the relay ends.
func (p *passing) wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.ctx.Done():
	}
}

// cut ends the connection in one of the ways in which connections end.
func (p *passing) cut(rng *rand.Rand) {
	p.once.Do(func() {
		p.cuts.Add(1)
		if rng.Float64() < p.config.Silent {
			p.silences.Add(1)
			p.left.Store(-1 << 62)
			p.wait(time.Duration(rng.Int64N(int64(cmp.Or(p.config.Stall, 1)))))
		}
		for _, c := range p.both {
			if rng.IntN(2) == 0 {
				_ = c.SetLinger(0) // a reset
			}
		}
	})
}
