package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
)

func TestToken(t *testing.T) {
	secret := strings.Repeat("s", 40)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	v, err := auth.New(auth.Config{Keys: []auth.Source{auth.Secret([]byte(secret))}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args  []string
		ttl   time.Duration
		want  tutti.Claims
		inEnv bool
	}{
		{args: []string{"--sub", "ann"}, ttl: time.Hour, want: tutti.Claims{Subject: "ann"}},
		{args: []string{"--sub", "ann"}, ttl: time.Hour, want: tutti.Claims{Subject: "ann"}, inEnv: true},
		{args: []string{"--sub", "ann", "--ttl", "5m"}, ttl: 5 * time.Minute, want: tutti.Claims{Subject: "ann"}},
		{args: []string{"--sub", "ann", "--ttl", "0"}, want: tutti.Claims{Subject: "ann"}},
		{
			args: []string{"--sub", "ann", "--claim", "role=admin", "--claim", "level:=3", "--claim", "id=007", "--claim", "eq=a=b", "--claim", "iss=me", "--claim", `aud:=["a","b"]`},
			ttl:  time.Hour,
			want: tutti.Claims{Subject: "ann", Issuer: "me", Extra: map[string]any{
				"role": "admin", "level": 3.0, "id": "007", "eq": "a=b", "aud": []any{"a", "b"},
			}},
		},
	} {
		args := append([]string{"token"}, test.args...)
		if test.inEnv {
			t.Setenv("TUTTI_JWT_SECRET", secret)
		} else {
			args = append(args, "--jwt-secret-file", file)
		}
		var stdout, stderr bytes.Buffer
		if status := run(t.Context(), args, &stdout, &stderr); status != 0 {
			t.Errorf("tutti %q = %d: %s", args, status, stderr.String())
			continue
		}
		got, err := v.Verify(t.Context(), strings.TrimSuffix(stdout.String(), "\n"))
		if err != nil {
			t.Errorf("token of tutti %q: %v", args, err)
			continue
		}
		if test.ttl == 0 && !got.ExpiresAt.IsZero() || test.ttl != 0 && (time.Until(got.ExpiresAt) > test.ttl || time.Until(got.ExpiresAt) < test.ttl-time.Minute) {
			t.Errorf("token of tutti %q is valid until %v, want %v from now", args, got.ExpiresAt, test.ttl)
		}
		got.ExpiresAt, got.IssuedAt = time.Time{}, time.Time{}
		if d := cmp.Diff(test.want, got); d != "" {
			t.Errorf("token of tutti %q differs (-want +got):\n%s", args, d)
		}
	}
}
