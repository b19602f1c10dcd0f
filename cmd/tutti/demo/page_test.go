package demo_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/tutti-rt/tutti/cmd/tutti/demo"
)

func get(t *testing.T, method, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	demo.Page().ServeHTTP(w, r)
	return w.Result()
}

// references finds what a file of the page loads.
var references = regexp.MustCompile(`(?:src|href)="([^"#]+)"|from '([^']+)'|url\(([^)]+)\)`)

func TestPageLoadsOnlyItsOwnFiles(t *testing.T) {
	seen := map[string]bool{}
	todo := []string{"/"}
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		res := get(t, http.MethodGet, name)
		if res.StatusCode != http.StatusOK {
			t.Errorf("GET %s = %s", name, res.Status)
			continue
		}
		if got := res.Header.Get("Content-Type"); got == "" {
			t.Errorf("GET %s has no Content-Type", name)
		}
		if got := res.Header.Get("Content-Security-Policy"); !strings.Contains(got, "default-src 'none'") || strings.Contains(got, "unsafe") {
			t.Errorf("GET %s: Content-Security-Policy %q", name, got)
		}
		if got := res.Header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("GET %s: X-Content-Type-Options %q", name, got)
		}
		for _, m := range references.FindAllStringSubmatch(body(t, res), -1) {
			target := m[1] + m[2] + m[3]
			if strings.Contains(target, "//") || strings.HasPrefix(target, "data:") {
				t.Errorf("%s loads %s from elsewhere", name, target)
				continue
			}
			todo = append(todo, "/"+strings.TrimPrefix(strings.TrimPrefix(target, "./"), "."))
		}
	}
	for _, name := range []string{"/app.js", "/theme.js", "/style.css", "/icon.svg"} {
		if !seen[name] {
			t.Errorf("the page does not load %s", name)
		}
	}
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPageIsRevalidated(t *testing.T) {
	first := get(t, http.MethodGet, "/app.js")
	if res := get(t, http.MethodGet, "/app.js", "If-None-Match", first.Header.Get("ETag")); res.StatusCode != http.StatusNotModified {
		t.Errorf("GET with the ETag = %s, want 304", res.Status)
	}
	if res := get(t, http.MethodGet, "/app.js", "If-None-Match", `"other"`); res.StatusCode != http.StatusOK {
		t.Errorf("GET with another ETag = %s, want 200", res.Status)
	}
}

func TestPageRefuses(t *testing.T) {
	if res := get(t, http.MethodGet, "/page.go"); res.StatusCode != http.StatusNotFound {
		t.Errorf("GET of no file = %s, want 404", res.Status)
	}
	if res := get(t, http.MethodPost, "/"); res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") == "" {
		t.Errorf("POST / = %s, want 405 with Allow", res.Status)
	}
}
