package node // in-package: run is Main without the process around it

import (
	"context"
	"flag"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/internal/process"
)

type (
	bell     struct{ Rung int }
	ringBell struct{}
	rung     struct{}
)

func bells() *tutti.Category {
	return tutti.NewCategory("bell",
		tutti.OnCommand(func(t *tutti.Turn[bell], _ ringBell) error { t.Emit(rung{}); return nil }),
		tutti.OnEvent(func(b *bell, _ rung) { b.Rung++ }),
	)
}

// TestMain is the application itself when a script calls it.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"app": func() {
			ctx, stop := Interrupted(context.Background())
			defer stop()
			os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, bells()))
		},
		"stubborn": stubborn,
	})
}

// stubborn is a program that takes long to end. It leaves a file at every step.
func stubborn() {
	ctx, stop := Interrupted(context.Background())
	defer stop()
	step := func(name string) {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			panic(err)
		}
	}
	step("started")
	<-ctx.Done()
	step("asked")
	<-time.After(20 * time.Second)
	step("over")
}

var update = flag.Bool("update", false, "rewrite what the scripts compare with")

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata", UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			address, err := process.FreeAddress(context.Background())
			env.Setenv("ADDR", address)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"fetch": fetch, "await": await},
	})
}

// fetch METHOD URL STATUS [HEADER: VALUE]... [BODY] waits until somebody answers there, and puts the
// body into the file "answer".
func fetch(ts *testscript.TestScript, _ bool, args []string) {
	method, url, status := args[0], args[1], args[2]
	body, header := "", make(http.Header)
	host := ""
	for _, a := range args[3:] {
		if name, value, ok := strings.Cut(a, ": "); ok {
			header.Set(name, value)
			if name == "Host" {
				host = value
			}
		} else {
			body = a
		}
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		request, err := http.NewRequest(method, url, strings.NewReader(body))
		ts.Check(err)
		request.Header, request.Host = header, host
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			if time.Now().After(deadline) {
				ts.Fatalf("%s %s: %v", method, url, err)
			}
			<-time.After(10 * time.Millisecond)
			continue
		}
		text, err := io.ReadAll(response.Body)
		ts.Check(err)
		ts.Check(response.Body.Close())
		if got := strconv.Itoa(response.StatusCode); got != status {
			ts.Fatalf("%s %s = %s %s, want %s", method, url, got, text, status)
		}
		ts.Check(os.WriteFile(ts.MkAbs("answer"), text, 0o600))
		return
	}
}

// await FILE waits until there is such a file.
func await(ts *testscript.TestScript, _ bool, args []string) {
	deadline := time.Now().Add(20 * time.Second)
	for {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s did not come", args[0])
		}
		<-time.After(5 * time.Millisecond)
	}
}
