package archtest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const (
	module = "github.com/tutti-rt/tutti"
	root   = "../.."
)

// source is one Go file of the module, for whatever system it is built.
type source struct {
	name   string // slash-separated, from the module's root
	test   bool
	lines  int
	syntax *ast.File
}

// dir returns the folder of the file, "." for the module's root.
func (s *source) dir() string { return path.Dir(s.name) }

// sources parses every Go file of the module.
func sources(t *testing.T) []*source {
	t.Helper()
	var all []*source
	for _, name := range files(t) {
		if path.Ext(name) != ".go" || inTestdata(name) {
			continue
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, filepath.Join(root, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("parse %s: %v", name, err)
		}
		all = append(all, &source{
			name:   name,
			test:   strings.HasSuffix(name, "_test.go"),
			lines:  fset.File(f.Pos()).LineCount(),
			syntax: f,
		})
	}
	if len(all) == 0 {
		t.Fatal("found no Go file in the module")
	}
	return all
}

// files lists the module's files, leaving out other modules, what git ignores by name, and hidden folders but .ci.
func files(t *testing.T) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		if !d.IsDir() {
			if rel == ".git" { // of a work tree beside the first one
				return nil
			}
			names = append(names, filepath.ToSlash(rel))
			return nil
		}
		base := d.Name()
		switch {
		case rel == "." || base == ".ci":
			return nil
		case strings.HasPrefix(base, "."), base == "node_modules", base == "tutti-data", base == "test-results", rel == "bin", rel == "tools":
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatalf("list the module's files: %v", err)
	}
	return names
}

func inTestdata(name string) bool { return strings.Contains("/"+name, "/testdata/") }

// read returns the text of one file of the module.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
