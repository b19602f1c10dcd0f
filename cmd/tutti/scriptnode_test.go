package main

// In the package, since a command has no API.

import (
	"context"
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/internal/process"
)

// scriptCommands are what scripts may use beside programs.
var scriptCommands = map[string]func(*testscript.TestScript, bool, []string){
	"demo":   scriptDemo,
	"send":   scriptSend,
	"cursor": scriptCursor,
}

// scriptDemo is demo DIR: it runs tutti demo until the script's end, with $CLIENTS and $ADMIN as its addresses.
func scriptDemo(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: demo DIR")
	}
	program, err := exec.LookPath("tutti") // this very program, see TestMain
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	clients, err := process.FreeAddress(ctx)
	ts.Check(err)
	admin, err := process.FreeAddress(ctx)
	ts.Check(err)
	n, err := process.Start(ctx, process.Config{
		Program: program, Args: []string{"demo", "--listen", clients, "--admin", admin, "--data", ts.MkAbs(args[0])}, Address: clients,
		Env: []string{"TUTTI_JWT_SECRET=", "TUTTI_ADMIN_TOKEN=" + ts.Getenv("TUTTI_ADMIN_TOKEN")},
	})
	ts.Check(err)
	ts.Defer(func() { _ = n.Kill() })
	ts.Setenv("CLIENTS", clients)
	ts.Setenv("ADMIN", "http://"+admin)
}

// scriptSend is send ENTITY NAME DATA: a visitor of the demo sends a command, which must be taken.
func scriptSend(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: send ENTITY NAME DATA")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+ts.Getenv("CLIENTS")+"/demo/token", strings.NewReader(`{"name":"ann"}`))
	ts.Check(err)
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer response.Body.Close()
	var got struct{ Token string }
	ts.Check(json.NewDecoder(response.Body).Decode(&got))
	category, id, _ := strings.Cut(args[0], "/")
	c, err := client.Open(ctx, client.EntityURL("ws://"+ts.Getenv("CLIENTS"), category, id), client.Config{Token: got.Token})
	ts.Check(err)
	defer c.Close()
	_, err = c.Send(ctx, args[1], json.RawMessage(args[2]))
	ts.Check(err)
}

// scriptCursor is cursor: it sets $CURSOR to the last word that the last program printed on standard error.
func scriptCursor(ts *testscript.TestScript, neg bool, args []string) {
	words := strings.Fields(ts.ReadFile("stderr"))
	if neg || len(args) > 0 || len(words) == 0 {
		ts.Fatalf("usage: cursor, after a program that prints one")
	}
	ts.Setenv("CURSOR", words[len(words)-1])
}
