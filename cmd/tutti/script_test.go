package main

// In the package, since a command has no API.

import (
	"context"
	"fmt"
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
	testscript.Run(t, testscript.Params{Dir: "testdata", Condition: condition, Cmds: scriptCommands})
}

// condition is [mount]: whether this process may mount file systems.
func condition(name string) (bool, error) {
	if name != "mount" {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	d, err := newSmallDisk(1 << 20)
	if err != nil {
		return false, nil // without the right to
	}
	return true, d.remove(context.Background())
}
