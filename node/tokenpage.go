package node

import (
	_ "embed"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
)

//go:embed tokenpage.html
var tokenPageHTML string

// devTokenTTL is how long a token of the page lasts.
const devTokenTTL = 12 * time.Hour

// tokenPage is the page of --dev: it makes tokens for whoever asks. Unless anywhere is set it
// answers only requests that name this machine, so that no page of the web can ask.
func tokenPage(signer *auth.Signer, categories []*tutti.Category, anywhere bool) http.Handler {
	page := template.Must(template.New("page").Parse(tokenPageHTML))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'")
		_ = page.Execute(w, categories)
	})
	mux.HandleFunc("POST /dev/token", func(w http.ResponseWriter, r *http.Request) {
		token, err := devToken(signer, http.MaxBytesReader(w, r.Body, 4<<10))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(map[string]any{"token": token, "expires_in": int(devTokenTTL.Seconds())})
	})
	if anywhere {
		return mux
	}
	return OwnHost(nil, mux)
}

// devToken makes a token with the claims in the body, which must name a subject.
func devToken(signer *auth.Signer, body interface{ Read([]byte) (int, error) }) (string, error) {
	var c tutti.Claims
	if err := json.NewDecoder(body).Decode(&c); err != nil {
		return "", err
	}
	if c.Subject == "" {
		return "", errors.New(`the claims need a subject: {"sub":"ann"}`)
	}
	c.IssuedAt = time.Now()
	if c.ExpiresAt.IsZero() {
		c.ExpiresAt = c.IssuedAt.Add(devTokenTTL)
	}
	return signer.Sign(c)
}
