package archtest_test

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// row is one line of the table of packages in docs/architecture.md.
type row struct {
	imports []string // folders of this module
	outside []string // module paths beyond the standard library
}

var code = regexp.MustCompile("`([^`]+)`")

// table reads the packages' table: | `folder` | purpose | `may import` … | `outside` … |.
func table(t *testing.T) map[string]row {
	t.Helper()
	rows := make(map[string]row)
	in := false
	for line := range strings.Lines(read(t, "docs/architecture.md")) {
		switch {
		case strings.HasPrefix(line, "| package |"):
			in = true
		case !strings.HasPrefix(line, "|"):
			in = false
		case in && strings.HasPrefix(line, "| `"):
			cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
			if len(cells) != 4 {
				t.Fatalf("docs/architecture.md: a line of the packages' table has %d cells, want 4: %s", len(cells), line)
			}
			for _, name := range quoted(cells[0]) {
				rows[name] = row{imports: quoted(cells[2]), outside: quoted(cells[3])}
			}
		}
	}
	if len(rows) < 5 {
		t.Fatalf("docs/architecture.md: found %d lines of the packages' table", len(rows))
	}
	return rows
}

func quoted(cell string) []string {
	var words []string
	for _, m := range code.FindAllStringSubmatch(cell, -1) {
		words = append(words, m[1])
	}
	return words
}

// allows returns the entry of the line that lets a package import the path.
func (r row) allows(imported string) (entry string, ok bool) {
	entries := r.imports
	inside, ours := strings.CutPrefix(imported, module+"/")
	switch first, _, _ := strings.Cut(imported, "/"); {
	case imported == module:
		inside = "."
	case ours:
	case !strings.Contains(first, "."):
		return "", true // the standard library
	default:
		inside, entries = imported, r.outside
	}
	for _, entry := range entries {
		family, isFamily := strings.CutSuffix(entry, "/*")
		switch {
		case entry == inside, isFamily && under(inside, family), !ours && under(inside, entry):
			return entry, true
		}
	}
	return "", false
}

func under(name, folder string) bool { return strings.HasPrefix(name, folder+"/") }

// TestImports holds every package to its line in the table, and the table to what is imported. Test files may
// import what they like.
func TestImports(t *testing.T) {
	rows := table(t)
	seen, used := make(map[string]bool), make(map[string]bool)
	for _, s := range sources(t) {
		dir := s.dir()
		name, ok := lineOf(rows, dir)
		if !ok {
			if !seen[dir] {
				t.Errorf("package %s has no line in the table of docs/architecture.md", dir)
			}
			seen[dir] = true
			continue
		}
		seen[name] = true
		if s.test {
			continue
		}
		for _, spec := range s.syntax.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if inside := strings.TrimPrefix(imported, module+"/"); name != dir && under(inside, strings.TrimSuffix(name, "/*")) {
				continue // within one family of folders
			}
			entry, ok := rows[name].allows(imported)
			if !ok {
				t.Errorf("%s imports %s, which the table of docs/architecture.md does not allow", s.name, imported)
			}
			used[name+" "+entry] = true
		}
	}
	for name, r := range rows {
		if !seen[name] {
			t.Errorf("docs/architecture.md has a line for package %s, which does not exist", name)
			continue
		}
		for _, entry := range slices.Concat(r.imports, r.outside) {
			if !used[name+" "+entry] {
				t.Errorf("docs/architecture.md lets package %s import %s, which it does not", name, entry)
			}
		}
	}
}

// lineOf returns the table's line for a folder: its own, or that of the family it belongs to.
func lineOf(rows map[string]row, dir string) (string, bool) {
	if _, ok := rows[dir]; ok {
		return dir, true
	}
	for up := path.Dir(dir); up != "."; up = path.Dir(up) {
		if _, ok := rows[up+"/*"]; ok {
			return up + "/*", true
		}
	}
	return "", false
}

// TestAllows shows that the table can say no.
func TestAllows(t *testing.T) {
	r := row{imports: []string{"wire", "journal/*"}, outside: []string{"example.org/a"}}
	for imported, want := range map[string]bool{
		"context":                        true,
		module + "/wire":                 true,
		module + "/wire/other":           false,
		module + "/journal/memjournal":   true,
		module + "/journal":              false,
		module:                           false,
		"example.org/a/b":                true,
		"example.org/ab":                 false,
		"golang.org/x/sync/singleflight": false,
	} {
		if _, got := r.allows(imported); got != want {
			t.Errorf("allows(%s) = %v, want %v", imported, got, want)
		}
	}
}
