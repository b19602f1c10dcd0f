package archtest_test

import (
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxLines is the length at which a file must be split.
const maxLines = 600

func TestFileSizes(t *testing.T) {
	for _, name := range files(t) {
		switch path.Ext(name) {
		case ".go", ".js", ".mjs", ".css", ".html", ".md":
		default:
			continue
		}
		if inTestdata(name) {
			continue
		}
		if n := strings.Count(read(t, name), "\n"); n > maxLines {
			t.Errorf("%s has %d lines, at most %d are allowed", name, n, maxLines)
		}
	}
	if n := strings.Count(read(t, "README.md"), "\n"); n > 150 {
		t.Errorf("README.md has %d lines, at most 150 are allowed", n)
	}
}

func TestPackageComments(t *testing.T) {
	documented := make(map[string]bool)
	for _, s := range sources(t) {
		if !s.test {
			documented[s.dir()] = documented[s.dir()] || s.syntax.Doc != nil
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment", dir)
		}
	}
}

// TestNoUtil keeps out packages whose names say nothing.
func TestNoUtil(t *testing.T) {
	vague := []string{"util", "utils", "common", "types", "helpers", "manager", "misc"}
	for _, s := range sources(t) {
		if slices.Contains(vague, path.Base(s.dir())) {
			t.Errorf("%s: a package named %q says nothing", s.name, path.Base(s.dir()))
		}
	}
}

// TestNoInit: nothing happens before main, and nobody but main and tests makes a context out of
// nothing.
func TestNoInit(t *testing.T) {
	for _, s := range sources(t) {
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil && n.Name.Name == "init" {
					t.Errorf("%s has an init function", s.name)
				}
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "context" && n.Sel.Name == "Background" &&
					!s.test && s.syntax.Name.Name != "main" && s.name != "node/main.go" {
					t.Errorf("%s calls context.Background", s.name)
				}
			}
			return true
		})
	}
}

// forbidden are the marks of unfinished work and of the place where the code was written.
var forbidden = []*regexp.Regexp{
	regexp.MustCompile(`\bTO` + `DO\b(?:[^:(]|\(\)|:\s*$)`), // one that names no condition
	regexp.MustCompile(`\b(FIX` + `ME|XX` + `X)\b`),
	regexp.MustCompile(`(?:^|[\s"'(=` + "`" + `])/wo` + `rk/`),
	regexp.MustCompile(`/tmp/(?:bash_jobs|brief|git\.lock)`),
	regexp.MustCompile(`proxy\.golang` + `\.org|registry\.npmjs` + `\.org|deb\.debian` + `\.org|sum\.golang` + `\.org`),
}

func TestForbiddenWords(t *testing.T) {
	for _, name := range files(t) {
		if inTestdata(name) || slices.Contains([]string{".gz", ".png", ".ico", ".woff2"}, path.Ext(name)) {
			continue
		}
		for i, line := range strings.Split(read(t, name), "\n") {
			for _, word := range forbidden {
				if word.MatchString(line) {
					t.Errorf("%s:%d: %q matches %s", name, i+1, strings.TrimSpace(line), word)
				}
			}
		}
	}
}
