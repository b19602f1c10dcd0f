package node_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
)

// TestWhoIsOnline asks a node with the claim that lets its bearer ask, and with others.
func TestWhoIsOnline(t *testing.T) {
	c := config()
	c.OnlineClaim = "role=desk"
	n := start(t, c)
	mustOpen(t, n) // ann
	signer, err := auth.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(role any) (int, string) {
		t.Helper()
		text, err := signer.Sign(tutti.Claims{
			Subject: "desk", ExpiresAt: time.Now().Add(time.Hour), Extra: map[string]any{"role": role},
		})
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+n.Addr().String()+"/v1/online", strings.NewReader(`{"subs":["ann","bob"]}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+text)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		return answer.StatusCode, string(body)
	}
	for _, role := range []any{"desk", []string{"other", "desk"}} {
		status, body := ask(role)
		for status == 200 && !strings.Contains(body, `"ann"`) { // until she has been reported
			status, body = ask(role)
		}
		if status != 200 || strings.Contains(body, "bob") {
			t.Errorf("with %v: %d %s", role, status, body)
		}
	}
	for _, role := range []any{"other", []string{"other"}, nil, true} {
		if status, body := ask(role); status != 403 {
			t.Errorf("with %v: %d %s, want 403", role, status, body)
		}
	}
}
