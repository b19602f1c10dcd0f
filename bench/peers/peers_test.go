package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/tutti-rt/tutti/bench"
	"github.com/tutti-rt/tutti/wire"
)

// TestTutti runs loads of every kind against the server for which nothing has to be installed.
func TestTutti(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program and measures for some seconds")
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-quick", "-json", "-servers", "tutti", "-loads", "100/s,echo,one object,idle"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, w := range r.Rows {
		rows = append(rows, w.Load+": "+w.Server)
		if w.Error != "" || w.Result == nil || w.Result.Done == 0 {
			t.Errorf("%s: %s: %s %+v", w.Load, w.Server, w.Error, w.Result)
		}
	}
	want := "fan-out, 100/s: Tutti|fan-out, 100/s: Tutti, signals|echo: Tutti|increments, one object: Tutti|idle links: Tutti"
	if got := strings.Join(rows, "|"); got != want {
		t.Errorf("rows %s, want %s", got, want)
	}
	if r.Machine.Fsync.Count == 0 || r.Machine.SocketWrite == 0 {
		t.Errorf("the machine itself was not measured: %+v", r.Machine)
	}
}

func TestTuttiDialect(t *testing.T) {
	for _, signals := range []bool{false, true} {
		p := tuttiPeer("127.0.0.1:1", "token", signals)
		for name, frame := range map[string][]byte{
			"publish": p.Publish(nil, 7, []byte("text")), "echo": p.Echo(nil, 7, []byte("text")), "add": p.Add(nil, 7),
		} {
			if _, err := wire.DecodeClientFrame(frame); err != nil {
				t.Errorf("%s: %s: %v", name, frame, err)
			}
		}
	}
}

func TestSocketIODialect(t *testing.T) {
	p := socketIOPeer("127.0.0.1:1")
	for got, want := range map[string]string{
		string(p.Hello(bench.RoleAdd, "a")):       `40{"role":"add","object":"a"}`,
		string(p.Publish(nil, 7, []byte("text"))): `42["publish","text"]`,
		string(p.Echo(nil, 7, []byte("text"))):    `42["echo","text"]`,
		string(p.Add(nil, 7)):                     `427["add",7]`,
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestTable(t *testing.T) {
	l := load{name: "echo", role: bench.RoleEcho, about: "some"}
	r := report{Rows: []row{
		{Load: "echo", About: l.about, Server: "one", of: l, Error: "gone"},
		{Load: "echo", Server: "two", Version: "1.0", of: l, Result: &bench.PeerResult{
			Wanted: 1000, Done: 999, PerSecond: 250, Share: 0.999, Latency: bench.Latency{P50: 900, P99: 12_345},
		}},
	}}
	var out bytes.Buffer
	if err := r.printTable(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| echo | one     | failed ", "echo: some.\n", "|      | two 1.0 | 250      | 99.9 %    | 900 µs | 12.3 ms | unknown "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table has no %q:\n%s", want, out.String())
		}
	}
	if err := r.failures(); err == nil || !strings.Contains(err.Error(), "echo: one: gone") {
		t.Errorf("failures = %v", err)
	}
}

func TestOptions(t *testing.T) {
	for _, args := range []string{"-for=0s", "-for=2m", "-warmup=-1s", "more"} {
		if _, err := parse([]string{args}, io.Discard); err == nil {
			t.Errorf("parse(%s) takes it", args)
		}
	}
}
