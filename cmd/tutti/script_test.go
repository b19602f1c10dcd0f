package main

// In the package, since a command has no API.

import (
	"context"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tutti-rt/tutti/node"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"tutti": func() {
			ctx, stop := node.Interrupted(context.Background())
			defer stop()
			os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
		},
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata"})
}
