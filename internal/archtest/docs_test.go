package archtest_test

import (
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	require   = regexp.MustCompile(`(?m)^\t(\S+) v\S+$`) // without "// indirect"
	link      = regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`)
	testName  = regexp.MustCompile("`((?:[a-z]+/)*[a-z]+)\\.(Test[A-Z][A-Za-z0-9_]*)`")
	decisions = "docs/decisions"
)

// TestDependenciesAreDecided wants a line in docs/decisions for every direct dependency.
func TestDependenciesAreDecided(t *testing.T) {
	var records strings.Builder
	for _, name := range files(t) {
		if path.Dir(name) == decisions && path.Ext(name) == ".md" {
			records.WriteString(read(t, name))
		}
	}
	direct := require.FindAllStringSubmatch(read(t, "go.mod"), -1)
	if len(direct) == 0 {
		t.Fatal("found no direct dependency in go.mod")
	}
	for _, m := range direct {
		if !strings.Contains(records.String(), "`"+m[1]+"`") {
			t.Errorf("no record in %s says why the module needs %s", decisions, m[1])
		}
	}
}

// TestRecordsAreListed wants every record in the index.
func TestRecordsAreListed(t *testing.T) {
	index := read(t, decisions+"/README.md")
	for _, name := range files(t) {
		if base := path.Base(name); path.Dir(name) == decisions && base != "README.md" && !strings.Contains(index, "("+base+")") {
			t.Errorf("%s is not in %s/README.md", name, decisions)
		}
	}
}

// TestLinks wants every relative link of a document to lead somewhere.
func TestLinks(t *testing.T) {
	for _, name := range files(t) {
		if path.Ext(name) != ".md" || inTestdata(name) {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(read(t, name), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, path.Dir(name), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
			}
		}
	}
}

// TestNamedTestsExist wants every test that a document names, as `package.TestName`, to exist.
func TestNamedTestsExist(t *testing.T) {
	tests := make(map[string]bool)
	for _, s := range sources(t) {
		for _, d := range s.syntax.Decls {
			if f, ok := declaredTest(d); ok {
				tests[s.dir()+"."+f] = true
			}
		}
	}
	named := 0
	for _, name := range files(t) {
		if path.Ext(name) != ".md" || inTestdata(name) {
			continue
		}
		for _, m := range testName.FindAllStringSubmatch(read(t, name), -1) {
			named++
			if !tests[m[1]+"."+m[2]] {
				t.Errorf("%s names the test %s.%s, which does not exist", name, m[1], m[2])
			}
		}
	}
	if named == 0 {
		t.Error("no document names a test")
	}
}

func declaredTest(d ast.Decl) (string, bool) {
	f, ok := d.(*ast.FuncDecl)
	if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") {
		return "", false
	}
	return f.Name.Name, true
}

// TestReadmeIsCompiled wants every Go block of the README to be a piece of an example, which is compiled and
// tested there.
func TestReadmeIsCompiled(t *testing.T) {
	var examples strings.Builder
	for _, name := range files(t) {
		if strings.HasPrefix(name, "examples/") && path.Ext(name) == ".go" {
			examples.WriteString(read(t, name))
		}
	}
	blocks := strings.Split(read(t, "README.md"), "```go\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("README.md has no program")
	}
	for _, b := range blocks {
		code, _, _ := strings.Cut(b, "```")
		if !strings.Contains(examples.String(), strings.TrimSpace(code)) {
			t.Errorf("README.md has a program that is in no example:\n%s", code)
		}
	}
}
