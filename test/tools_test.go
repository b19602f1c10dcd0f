package test_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/tutti-rt/tutti/cmd/tutti/replay"
	"github.com/tutti-rt/tutti/internal/text"
)

// TestReplayNoticesAnotherText: a replay that compared nothing would always succeed.
func TestReplayNoticesAnotherText(t *testing.T) {
	d := startDemo(t)
	r := &replay.Recording{End: "tutti", Transactions: []replay.Transaction{{Patches: text.Patches{{Insert: "tutto"}}}}}
	for viewers, who := range []string{"text that a newcomer gets", "viewer 0"} {
		_, err := replay.Player{URL: d.url, Token: d.token, Pad: who, Viewers: viewers}.Play(t.Context(), r)
		if diff, ok := errors.AsType[*replay.Difference](err); !ok || diff.CodePoint != 4 || !strings.Contains(err.Error(), who) {
			t.Errorf("Play with %d viewers = %v, want %s to differ at code point 4", viewers, err, who)
		}
	}
	_, err := replay.Player{URL: d.url, Token: d.token, Pad: "viewer 0"}.Play(t.Context(), r)
	if err == nil || !strings.Contains(err.Error(), "at revision 1") {
		t.Errorf("Play into a pad that is not empty = %v", err)
	}
}

// TestToolsAtATarget runs the tools against a node that is not their own.
func TestToolsAtATarget(t *testing.T) {
	d := startDemo(t)
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"bench", "commands", "--connections", "4", "--for", "300ms", "--warmup", "100ms"},
		{"bench", "hot", "--rate", "500", "--for", "300ms", "--warmup", "100ms"},
		{"bench", "fanout", "--connections", "4", "--stalled", "1", "--events", "50", "--for", "300ms", "--warmup", "100ms"},
		{"replay", "../testdata/editing-traces/sequential-sveltecomponent.json.gz", "--viewers", "1"},
	} {
		cmd := exec.CommandContext(t.Context(), path, append(args, "--target", d.url)...)
		cmd.Env = append(cmd.Environ(), "TUTTI_JWT_SECRET="+secret)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("tutti %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		if !strings.Contains(string(out), "exactly what was acknowledged") && !strings.Contains(string(out), "each once and in order") &&
			!strings.Contains(string(out), "and so has the pad") {
			t.Errorf("tutti %s verified nothing:\n%s", strings.Join(args, " "), out)
		}
	}
}
