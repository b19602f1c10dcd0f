package auth_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
)

func TestSign(t *testing.T) {
	s, err := auth.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	want := tutti.Claims{
		Subject: "ann", Issuer: "us", ExpiresAt: now.Add(time.Hour), IssuedAt: now,
		Extra: map[string]any{"role": "admin", "aud": "tutti"},
	}
	token, err := s.Sign(want)
	if err != nil {
		t.Fatal(err)
	}
	v := verifier(t, auth.Config{Keys: []auth.Source{auth.Secret(secret)}, Issuer: "us", Audience: []string{"tutti"}})
	got, err := v.Verify(t.Context(), token)
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("Verify(Sign) = %v, difference (-want +got):\n%s", err, d)
	}
	if _, err := s.Sign(tutti.Claims{Subject: strings.Repeat("x", auth.MaxTokenBytes)}); !errors.Is(err, auth.ErrTooLarge) {
		t.Errorf("Sign(huge) = %v, want ErrTooLarge", err)
	}
	if _, err := s.Sign(tutti.Claims{Extra: map[string]any{"f": func() {}}}); err == nil {
		t.Error("Sign(what JSON cannot say) = nil, want an error")
	}
	if _, err := auth.NewSigner(secret[:31]); err == nil {
		t.Error("NewSigner(31 bytes) = nil, want an error")
	}
}

func TestKeepSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "secret")
	first, made, err := auth.KeepSecret(path)
	if err != nil || !made || len(first) < auth.MinSecretBytes {
		t.Fatalf("KeepSecret = %d bytes, %v, %v", len(first), made, err)
	}
	second, made, err := auth.KeepSecret(path)
	if err != nil || made || !bytes.Equal(first, second) {
		t.Errorf("second KeepSecret = %v, %v, the same secret: %v", made, err, bytes.Equal(first, second))
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("mode = %v, want 0600", info.Mode())
	}
	if err := os.WriteFile(path, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := auth.KeepSecret(path); err == nil {
		t.Error("KeepSecret of a short secret = nil, want an error")
	}
}
