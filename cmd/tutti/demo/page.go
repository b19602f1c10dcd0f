package demo

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// The page's program is written in web and built into page/app.js, together with the client.
//
//go:generate go run .. gen ts --out web/categories.ts
//go:generate go tool -modfile=../../../tools/go.mod esbuild web/app.ts --bundle --format=esm --target=es2022 --minify --line-limit=160 --legal-comments=none --log-level=warning --outfile=page/app.js

//go:embed page
var pageFiles embed.FS

// policy lets the page load its own files and speak to its own host, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// contentTypes are given and not guessed: what the machine's registry says of .js is often wrong.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// Page returns the handler of the demo's page: "/" and the files that it needs.
func Page() http.Handler {
	files := make(map[string]file)
	err := fs.WalkDir(pageFiles, "page", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := pageFiles.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		files["/"+strings.TrimPrefix(name, "page/")] = file{
			body:        body,
			contentType: contentTypes[path.Ext(name)],
			tag:         `"` + hex.EncodeToString(sum[:8]) + `"`,
		}
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("demo: read embedded page: %v", err)) // the binary is broken
	}
	files["/"] = files["/index.html"]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		f.serve(w, r)
	})
}

// file is one embedded file.
type file struct {
	body             []byte
	contentType, tag string
}

func (f file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", "no-cache") // asked for again each time, and answered 304
	h.Set("ETag", f.tag)
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if r.Header.Get("If-None-Match") == f.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(f.body)))
	_, _ = w.Write(f.body) // a client that is gone needs no page
}
