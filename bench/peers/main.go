package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tutti-rt/tutti/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	quick, json bool
	warmup, dur time.Duration
	only, loads string
}

// mostTime is the longest that one load may be asked to take.
const mostTime = time.Minute

func parse(args []string, output io.Writer) (*options, error) {
	var o options
	f := flag.NewFlagSet("peers", flag.ContinueOnError)
	f.SetOutput(output)
	f.BoolVar(&o.quick, "quick", false, "small loads of half a second, to see that all works; the figures mean nothing")
	f.BoolVar(&o.json, "json", false, "print JSON")
	f.DurationVar(&o.dur, "for", 4*time.Second, "how long to measure each load")
	f.DurationVar(&o.warmup, "warmup", time.Second, "how long to load a server before")
	f.StringVar(&o.only, "servers", "", "only servers whose name has one of these words, as tutti,workerd")
	f.StringVar(&o.loads, "loads", "", "only loads whose name has one of these words, as fan-out,one")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 || o.dur <= 0 || o.warmup <= 0 || o.dur+o.warmup > mostTime {
		return nil, fmt.Errorf("no arguments but flags; -for and -warmup more than nothing, and %s at most together", mostTime)
	}
	if o.quick {
		o.dur, o.warmup = 500*time.Millisecond, 200*time.Millisecond
	}
	return &o, nil
}

// run measures all and prints it. What has been measured is printed also when something failed.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	data, err := dataDirectory()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
	servers, err := prepare(ctx, root, data, o.only, stderr)
	if err != nil {
		return err
	}
	r := &report{Began: time.Now().UTC(), Versions: versions(ctx)}
	if r.Machine, err = bench.MeasureMachine(ctx, data); err != nil {
		return err
	}
	for _, l := range loads(o) {
		if !chosen(o.loads, l.name) {
			continue
		}
		for _, s := range servers {
			if row, ok := measure(ctx, o, s, l, stderr); ok {
				r.Rows = append(r.Rows, row)
			}
		}
	}
	r.Took = time.Since(r.Began).Seconds()
	if o.json {
		err = r.printJSON(stdout)
	} else {
		err = r.printTable(stdout)
	}
	return errors.Join(ctx.Err(), err, r.failures())
}

// measure runs one load against one server, in a process of its own; false when the load is not for this server.
func measure(ctx context.Context, o *options, s *server, l load, stderr io.Writer) (row, bool) {
	if ctx.Err() != nil || !slices.Contains(s.roles, l.role) {
		return row{}, false
	}
	fmt.Fprintf(stderr, "%s: %s\n", l.name, s.name)
	res, err := func() (_ *bench.PeerResult, err error) {
		p, err := s.start(ctx)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, p.end()) }()
		common := bench.PeerLoad{Peer: p.peer, Warmup: o.warmup, For: o.dur, Usage: p.usage}
		res, err := l.run(ctx, common)
		if err != nil {
			return nil, fmt.Errorf("%w\n%s", err, p.output)
		}
		return res, nil
	}()
	done := row{Load: l.name, About: l.about, Server: s.name, Durable: s.durable, Version: s.version, Remark: s.remarks[l.role], Result: res, of: l}
	if err != nil {
		done.Error = err.Error()
	}
	return done, true
}

// chosen reports whether a name has one of the words, or there are none.
func chosen(words, name string) bool {
	return words == "" || slices.ContainsFunc(strings.Split(strings.ToLower(words), ","), func(w string) bool {
		return strings.Contains(strings.ToLower(name), strings.TrimSpace(w))
	})
}
