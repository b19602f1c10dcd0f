package auth_test

import (
	"errors"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jwa"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
)

func BenchmarkVerify(b *testing.B) {
	const payload = `{"sub":"ann","iss":"https://id.example","aud":["tutti"],"exp":1800000060,"iat":1799999999,"role":"admin"}`
	v := verifier(b, auth.Config{
		Keys: []auth.Source{auth.Secret(secret), auth.JWKS(file(b, jwksOf(
			jwkOf("r", rsaKey(), nil), jwkOf("e", ecKey(), nil), jwkOf("d", edKey(), nil))))},
	})
	for _, bench := range []struct{ name, token string }{
		{"HS256", sign(jwa.HS256(), secret, "", payload)},
		{"RS256", sign(jwa.RS256(), rsaKey(), "r", payload)},
		{"ES256", sign(jwa.ES256(), ecKey(), "e", payload)},
		{"EdDSA", sign(jwa.EdDSA(), edKey(), "d", payload)},
	} {
		b.Run("alg="+bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), bench.token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSign(b *testing.B) {
	s := must(auth.NewSigner(secret))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Sign(tutti.Claims{Subject: "ann", ExpiresAt: now}); err != nil {
			b.Fatal(err)
		}
	}
}

// No token panics, and none is accepted that was not made with one of the keys.
func FuzzVerify(f *testing.F) {
	good := sign(jwa.HS256(), secret, "", `{"sub":"ann","exp":1900000000}`)
	f.Add(good)
	f.Add(sign(jwa.RS256(), rsaKey(), "r", `{"sub":"ann","aud":["a"]}`))
	f.Add(raw(`{"alg":"none"}`, `{"sub":"ann"}`, func(string) []byte { return nil }))
	f.Add(raw(`{"alg":"HS256","kid":"r","crit":[]}`, `{"exp":1e300}`, mac(secret)))
	f.Add("a.b.c")
	f.Add("")
	v := verifier(f, auth.Config{Keys: []auth.Source{auth.Secret(secret), auth.JWKS(file(f, jwksOf(jwkOf("e", ecKey(), nil))))}})
	f.Fuzz(func(t *testing.T, token string) {
		c, err := v.Verify(t.Context(), token)
		if err == nil && token != good {
			t.Fatalf("Verify(%q) = %+v, a token that nobody signed", token, c)
		}
		if err != nil && c.Subject != "" {
			t.Fatalf("Verify(%q) = %+v with error %v", token, c, err)
		}
		// The same text as a payload, rightly signed: any claims may come, but never without a subject.
		c, err = v.Verify(t.Context(), raw(`{"alg":"HS256"}`, token, mac(secret)))
		if err == nil && c.Subject == "" || errors.Is(err, auth.ErrSignature) {
			t.Fatalf("Verify(signed %q) = %+v, %v", token, c, err)
		}
	})
}
