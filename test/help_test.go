package test_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	subcommand = regexp.MustCompile(`(?m)^  ([a-z]+) `)
	helpFlag   = regexp.MustCompile(`(?m)^  (?:-[a-gi-z], |    )--([a-z-]+)`) // not -h, --help
	docFlag    = regexp.MustCompile("`--([a-z-]+)")
)

// TestCommandsAreDocumented compares what the programs say of themselves with docs/commands.md, both ways.
func TestCommandsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string][]string)
	for _, section := range strings.Split(string(page), "\n### `")[1:] {
		name, text, _ := strings.Cut(section, "`")
		text, _, _ = strings.Cut(text, "\n## ")
		documented[name] = names(docFlag, text)
	}

	tutti, err := program()
	if err != nil {
		t.Fatal(err)
	}
	app := filepath.Join(t.TempDir(), "counter.exe") // Windows wants the ending, the others do not mind
	if out, err := exec.Command("go", "build", "-o", app, "../examples/counter").CombinedOutput(); err != nil {
		t.Fatalf("build an application: %v\n%s", err, out)
	}
	offered := make(map[string][]string)
	walk(t, offered, tutti, "tutti")
	walk(t, offered, app, "APP")
	delete(offered, "APP") // the same as serve
	if !slices.Equal(offered["tutti serve"], offered["APP serve"]) {
		t.Errorf("tutti serve has the flags %v, an application's serve %v", offered["tutti serve"], offered["APP serve"])
	}
	offered["tutti serve"] = nil // the page refers to those of APP serve

	for _, name := range slices.Sorted(maps.Keys(offered)) {
		doc, ok := documented[name]
		if !ok {
			t.Errorf("docs/commands.md has no section for %s", name)
			continue
		}
		if !slices.Equal(doc, offered[name]) {
			t.Errorf("docs/commands.md gives %s the flags %v, it has %v", name, doc, offered[name])
		}
		delete(documented, name)
	}
	for name := range documented {
		t.Errorf("docs/commands.md has a section for %s, which does not exist", name)
	}
}

// walk asks a program for its commands and their flags.
func walk(t *testing.T, offered map[string][]string, path, name string, args ...string) {
	t.Helper()
	help, err := exec.CommandContext(t.Context(), path, append(args, "--help")...).Output()
	if err != nil {
		t.Fatalf("%s --help: %v", name, err)
	}
	usage, flags, _ := strings.Cut(string(help), "\nFlags:\n")
	_, commands, hasCommands := strings.Cut(usage, "Available Commands:\n")
	if !hasCommands || name == "APP" {
		offered[name] = names(helpFlag, flags)
	}
	for _, m := range subcommand.FindAllStringSubmatch(commands, -1) {
		if m[1] != "help" {
			walk(t, offered, path, name+" "+m[1], append(args[:len(args):len(args)], m[1])...)
		}
	}
}

// names returns what the expression finds, sorted, each once.
func names(expression *regexp.Regexp, text string) []string {
	all := make(map[string]bool)
	for _, m := range expression.FindAllStringSubmatch(text, -1) {
		all[m[1]] = true
	}
	return slices.Sorted(maps.Keys(all))
}
