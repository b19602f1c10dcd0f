package continuity

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/bench/soak"
	"github.com/tutti-rt/tutti/client"
)

//go:embed worker.mjs
var worker []byte

// NodeClients are clients of the TypeScript package in a process of Node.js.
type NodeClients struct {
	roster
	Switches atomic.Int64 // how often a client was told to change its transport

	dir  string // of the program
	cmd  *exec.Cmd
	in   io.WriteCloser
	errs bytes.Buffer // what the program says of itself; read when it has ended

	writing sync.Mutex // guards in
	mu      sync.Mutex
	seats   map[uint32]*nodeDriver
	ended   error // of the reader
}

var _ soak.Guests = (*NodeClients)(nil)

// StartNode starts a process with n clients of the package that was built to this file, which choose from these transports.
func StartNode(ctx context.Context, module string, n int, transports []string) (*NodeClients, error) {
	module, err := filepath.Abs(module)
	if err == nil {
		_, err = os.Stat(module)
	}
	if err != nil {
		return nil, fmt.Errorf("find the TypeScript client: %w", err)
	}
	dir, err := os.MkdirTemp("", "tutti-worker-*")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the worker: %w", err)
	}
	c := &NodeClients{roster: roster{left: n, transports: transports}, dir: dir, seats: make(map[uint32]*nodeDriver)}
	program := filepath.Join(dir, "worker.mjs")
	if err := os.WriteFile(program, worker, 0o600); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	c.cmd = exec.CommandContext(ctx, "node", program, module)
	c.cmd.Stderr = &limited{to: &c.errs, left: 64 << 10}
	c.in, err = c.cmd.StdinPipe()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start node: %w", err), os.RemoveAll(dir))
	}
	c.running.Go(func() { c.read(out) })
	return c, nil
}

// limited keeps the beginning of what is written to it.
type limited struct {
	to   *bytes.Buffer
	left int
}

// Write implements io.Writer.
func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	l.to.Write(p[:n])
	return len(p), nil
}

// Close implements soak.Guests.
func (c *NodeClients) Close() error {
	err := c.in.Close()
	c.running.Wait()
	c.mu.Lock()
	ended := c.ended
	c.mu.Unlock()
	wait := c.cmd.Wait()
	if wait != nil {
		wait = fmt.Errorf("node: %w: %s", wait, c.errs.String())
	}
	return errors.Join(err, ended, wait, os.RemoveAll(c.dir))
}

// Seat implements soak.Guests.
func (c *NodeClients) Seat(_ context.Context, seat *soak.Seat) (soak.Driver, error) {
	token, err := seat.Token()
	if err != nil {
		return nil, err
	}
	d := &nodeDriver{clients: c, seat: seat, rng: seat.Random(), over: make(chan struct{})}
	c.mu.Lock()
	c.seats[seat.Number()] = d
	c.mu.Unlock()
	urls := seat.URLs()
	d.do(map[string]any{
		"do": "open", "url": client.EntityURL(urls[d.rng.IntN(len(urls))], seat.Category(), seat.ID()),
		"token": token, "conn": seat.Conn(), "transports": c.order(d.rng), "presence": seat.Presence(),
	})
	c.running.Go(d.change)
	return d, nil
}

// write hands the process an order.
func (c *NodeClients) write(order any) {
	line, err := json.Marshal(order)
	if err != nil {
		panic(fmt.Sprintf("continuity: encode an order: %v", err)) // they can all be encoded
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	_, _ = c.in.Write(append(line, '\n')) // a process that has ended is noticed by the reader
}

// report is what the process says of one client.
type report struct {
	C      uint32          `json:"c"`
	Told   string          `json:"told"`
	Ref    uint64          `json:"ref"`
	ID     uint64          `json:"id"`
	Rev    uint64          `json:"rev"`
	Name   string          `json:"name"`
	Data   json.RawMessage `json:"data"`
	At     int64           `json:"at"`
	By     string          `json:"by"`
	Cmd    uint64          `json:"cmd"`
	Code   string          `json:"code"`
	Member string          `json:"member"`
	Why    string          `json:"why"`
}

// mostReport is how long a report may be, in bytes.
const mostReport = 64 << 20

func (c *NodeClients) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, mostReport)
	var err error
	for err == nil && lines.Scan() {
		var r report
		if err = json.Unmarshal(lines.Bytes(), &r); err != nil {
			err = fmt.Errorf("report %.300s: %w", lines.Text(), err)
			break
		}
		c.mu.Lock()
		d := c.seats[r.C]
		c.mu.Unlock()
		if d != nil {
			d.told(&r)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = errors.Join(err, lines.Err())
	for _, d := range c.seats {
		d.finish()
	}
}

// nodeDriver is one client of the process.
type nodeDriver struct {
	clients *NodeClients
	seat    *soak.Seat
	rng     *rand.Rand
	once    sync.Once
	over    chan struct{} // closed when the client has ended, or has to
	ended   atomic.Bool   // it was told to
}

func (d *nodeDriver) finish() { d.once.Do(func() { close(d.over) }) }

func (d *nodeDriver) do(order map[string]any) {
	order["c"] = d.seat.Number()
	d.clients.write(order)
}

// change has the client change its transport now and then.
func (d *nodeDriver) change() {
	for {
		select {
		case <-d.over:
			return
		case <-time.After(time.Duration(d.rng.ExpFloat64() * float64(switchEvery))):
		}
		d.clients.Switches.Add(1)
		d.do(map[string]any{"do": "use", "transports": d.clients.order(d.rng)})
	}
}

// Command implements soak.Driver.
func (d *nodeDriver) Command(ref uint64, name string, data []byte, expect *uint64) {
	o := map[string]any{"do": "command", "ref": ref, "name": name, "data": json.RawMessage(data)}
	if expect != nil {
		o["expect"] = *expect
	}
	d.do(o)
}

// Query implements soak.Driver.
func (d *nodeDriver) Query(ref uint64, name string) {
	d.do(map[string]any{"do": "query", "ref": ref, "name": name})
}

// Signal implements soak.Driver.
func (d *nodeDriver) Signal(name string, data []byte) {
	d.do(map[string]any{"do": "signal", "name": name, "data": json.RawMessage(data)})
}

// End implements soak.Driver.
func (d *nodeDriver) End(leave bool) {
	d.ended.Store(true)
	d.do(map[string]any{"do": "end", "leave": leave})
	d.finish()
}

// told takes a report.
func (d *nodeDriver) told(r *report) {
	switch r.Told {
	case "member":
		d.seat.Member(r.Member)
	case "state":
		d.seat.State(r.Rev, asStored(r.Data))
	case "event":
		d.seat.Event(r.Name, r.Rev, asStored(r.Data), r.At, r.By, r.Cmd)
	case "ack":
		d.seat.Acked(r.Ref, r.ID, r.Rev, asStored(r.Data))
	case "answer":
		d.seat.Answered(r.Ref, r.Rev, asStored(r.Data))
	case "reject":
		d.seat.Rejected(r.Ref, r.ID, r.Code)
	case "failed", "closed":
		if !d.ended.Load() {
			d.seat.Fail("a client goes on until it is closed, and is answered", r.Told+": "+r.Why)
		}
	}
}

// asStored writes JSON of JavaScript as encoding/json does: in another way it escapes only what follows.
func asStored(data []byte) []byte {
	for _, c := range []struct{ of, as string }{
		{"<", `\u003c`}, {">", `\u003e`}, {"&", `\u0026`}, {"\u2028", `\u2028`}, {"\u2029", `\u2029`},
	} {
		data = bytes.ReplaceAll(data, []byte(c.of), []byte(c.as))
	}
	return data
}
