package main

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
)

// visitorTTL is how long a visitor's token is valid; the page gets another one in time.
const visitorTTL = 15 * time.Minute

// visitorTokens answers the demo's page with a token for the name that the visitor goes by, or a name
// at random. Everybody can be anybody here, which is what a demo is.
func visitorTokens(signer *auth.Signer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Name string `json:"name"`
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&asked); err != nil {
			http.Error(w, "want a JSON object with a name", http.StatusBadRequest)
			return
		}
		if asked.Name == "" {
			asked.Name = "visitor-" + strings.ToLower(rand.Text()[:6])
		}
		if !presentable(asked.Name) {
			http.Error(w, "a name has 1 to 32 letters, digits, spaces and any of -_.'", http.StatusUnprocessableEntity)
			return
		}
		now := time.Now()
		token, err := signer.Sign(tutti.Claims{Subject: asked.Name, Issuer: "tutti-demo", IssuedAt: now, ExpiresAt: now.Add(visitorTTL)})
		if err != nil {
			http.Error(w, "no token can be made", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"token": token, "sub": asked.Name, "expires_in": int(visitorTTL.Seconds()),
		})
	})
}

// presentable reports whether others can be shown the name.
func presentable(name string) bool {
	if n := utf8.RuneCountInString(name); n < 1 || n > 32 || strings.TrimSpace(name) != name {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" -_.'", r)
	})
}
