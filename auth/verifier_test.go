package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v3/jwa"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
)

var now = time.Unix(1_800_000_000, 0)

func verifier(t testing.TB, c auth.Config) *auth.Verifier {
	t.Helper()
	if c.Now == nil {
		c.Now = func() time.Time { return now }
	}
	v, err := auth.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVerifyAlgorithms(t *testing.T) {
	const payload = `{"sub":"ann","exp":1800000060,"role":"admin"}`
	jwks := jwksOf(jwkOf("r", rsaKey(), nil), jwkOf("e", ecKey(), nil), jwkOf("d", edKey(), nil))
	for _, test := range []struct {
		name  string
		keys  auth.Source
		token string
	}{
		{"HS256", auth.Secret(secret), sign(jwa.HS256(), secret, "", payload)},
		{"HS256 file", auth.SecretFile(file(t, append(secret, '\r', '\n'))), sign(jwa.HS256(), secret, "", payload)},
		{"RS256 PEM", auth.PEMFile(file(t, pemOf(rsaKey()))), sign(jwa.RS256(), rsaKey(), "any", payload)},
		{"ES256 PEM", auth.PEMFile(file(t, pemOf(ecKey()))), sign(jwa.ES256(), ecKey(), "", payload)},
		{"EdDSA PEM", auth.PEMFile(file(t, pemOf(edKey()))), sign(jwa.EdDSA(), edKey(), "", payload)},
		{"two PEM keys", auth.PEMFile(file(t, append(pemOf(rsaNext()), pemOf(rsaKey())...))), sign(jwa.RS256(), rsaKey(), "", payload)},
		{"RS256 JWKS", auth.JWKS(file(t, jwks)), sign(jwa.RS256(), rsaKey(), "r", payload)},
		{"ES256 JWKS", auth.JWKS(file(t, jwks)), sign(jwa.ES256(), ecKey(), "e", payload)},
		{"EdDSA JWKS", auth.JWKS(file(t, jwks)), sign(jwa.EdDSA(), edKey(), "d", payload)},
		{"JWKS without kid", auth.JWKS(file(t, jwks)), sign(jwa.ES256(), ecKey(), "", payload)},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := verifier(t, auth.Config{Keys: []auth.Source{test.keys}}).Verify(t.Context(), test.token)
			want := tutti.Claims{
				Subject: "ann", ExpiresAt: now.Add(time.Minute), Extra: map[string]any{"role": "admin"},
			}
			if d := cmp.Diff(want, got); d != "" || err != nil {
				t.Errorf("Verify = %v, difference (-want +got):\n%s", err, d)
			}
		})
	}
}

// respell returns the token with the bits set that the last character of the signature leaves unused.
func respell(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + alphabet[last^1:last^1+1]
}

func mac(key []byte) func(string) []byte {
	return func(input string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(input))
		return h.Sum(nil)
	}
}

// Tokens whose header, key or signature is wrong.
func TestVerifyRefusesSignatures(t *testing.T) {
	const claims = `{"sub":"ann"}`
	publicPEM := pemOf(rsaKey())
	all := verifier(t, auth.Config{Keys: []auth.Source{
		auth.Secret(secret),
		auth.JWKS(file(t, jwksOf(jwkOf("r", rsaKey(), nil), jwkOf("e", ecKey(), nil)))),
	}})
	onlyRSA := verifier(t, auth.Config{Keys: []auth.Source{auth.PEMFile(file(t, publicPEM))}})
	good := sign(jwa.HS256(), secret, "", claims)
	none := func(string) []byte { return nil }
	for _, test := range []struct {
		name  string
		v     *auth.Verifier
		token string
		want  error
	}{
		{"alg none", all, raw(`{"alg":"none"}`, claims, none), auth.ErrAlgorithm},
		{"alg None", all, raw(`{"alg":"None"}`, claims, none), auth.ErrAlgorithm},
		{"alg none with the secret's signature", all, raw(`{"alg":"none"}`, claims, mac(secret)), auth.ErrAlgorithm},
		{"alg HS512", all, sign(jwa.HS512(), secret, "", claims), auth.ErrAlgorithm},
		{"alg RS512", all, sign(jwa.RS512(), rsaKey(), "r", claims), auth.ErrAlgorithm},
		{"no signature", all, strings.TrimRight(good, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), auth.ErrSignature},
		{"public key as HMAC secret", onlyRSA, raw(`{"alg":"HS256"}`, claims, mac(publicPEM)), auth.ErrAlgorithm},
		{"public key as HMAC secret beside a secret", all, raw(`{"alg":"HS256"}`, claims, mac(publicPEM)), auth.ErrSignature},
		{"modulus as HMAC secret", onlyRSA, raw(`{"alg":"HS256"}`, claims, mac(rsaKey().N.Bytes())), auth.ErrAlgorithm},
		{"alg of another key type", all, sign(jwa.ES256(), ecKey(), "r", claims), auth.ErrAlgorithm},
		{"RS256 named ES256", all, sign(jwa.RS256(), rsaKey(), "e", claims), auth.ErrAlgorithm},
		{"unknown kid", all, sign(jwa.RS256(), rsaKey(), "x", claims), auth.ErrUnknownKey},
		{"other key", all, sign(jwa.RS256(), rsaNext(), "r", claims), auth.ErrSignature},
		{"other secret", all, raw(`{"alg":"HS256"}`, claims, mac([]byte(strings.Repeat("x", 32)))), auth.ErrSignature},
		{"changed payload", all, strings.Replace(good, "."+b64(claims)+".", "."+b64(`{"sub":"eve"}`)+".", 1), auth.ErrSignature},
		{"crit", all, raw(`{"alg":"HS256","crit":["x"],"x":1}`, claims, mac(secret)), auth.ErrCritical},
		{"empty crit", all, raw(`{"alg":"HS256","crit":[]}`, claims, mac(secret)), auth.ErrCritical},
		{"b64", all, raw(`{"alg":"HS256","b64":false}`, claims, mac(secret)), auth.ErrCritical},
		{"alg twice", all, raw(`{"alg":"none","alg":"HS256"}`, claims, mac(secret)), auth.ErrMalformed},
		{"no alg", all, raw(`{"Alg":"HS256"}`, claims, mac(secret)), auth.ErrMalformed},
		{"alg no text", all, raw(`{"alg":["HS256"]}`, claims, mac(secret)), auth.ErrMalformed},
		{"kid no text", all, raw(`{"alg":"HS256","kid":7}`, claims, mac(secret)), auth.ErrMalformed},
		{"empty", all, "", auth.ErrMalformed},
		{"garbage", all, "garbage", auth.ErrMalformed},
		{"dots", all, "..", auth.ErrMalformed},
		{"four parts", all, good + ".x", auth.ErrMalformed},
		{"line break inside", all, good[:5] + "\n" + good[5:], auth.ErrMalformed},
		{"other spelling of the signature", all, respell(good), auth.ErrMalformed},
		{"padding", all, good + "=", auth.ErrMalformed},
		{"JSON serialization", all, `{"payload":"x"}`, auth.ErrMalformed},
		{"too large", all, sign(jwa.HS256(), secret, "", `{"sub":"`+strings.Repeat("x", auth.MaxTokenBytes)+`"}`), auth.ErrTooLarge},
		{"too large garbage", all, strings.Repeat("\x00", 100<<20), auth.ErrTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := test.v.Verify(t.Context(), test.token)
			if !errors.Is(err, test.want) || c.Subject != "" {
				t.Errorf("Verify = %+v, %v, want %v", c, err, test.want)
			}
		})
	}
}

// Tokens with the right signature and the wrong claims.
func TestVerifyRefusesClaims(t *testing.T) {
	at := func(d time.Duration) string { return fmt.Sprintf("%.3f", float64(now.Add(d).UnixMilli())/1000) }
	plain := auth.Config{}
	ours := auth.Config{Issuer: "https://id.example", Audience: []string{"tutti", "board"}}
	for _, test := range []struct {
		c       auth.Config
		payload string
		want    error
	}{
		{plain, `{"sub":"ann"}`, nil},
		{plain, `{"sub":"ann","exp":` + at(-time.Hour) + `}`, auth.ErrExpired},
		{plain, `{"sub":"ann","exp":` + at(-2*time.Second) + `}`, auth.ErrExpired},
		{plain, `{"sub":"ann","exp":` + at(-1999*time.Millisecond) + `}`, nil},
		{plain, `{"sub":"ann","nbf":` + at(2*time.Second) + `}`, nil},
		{plain, `{"sub":"ann","nbf":` + at(2001*time.Millisecond) + `}`, auth.ErrNotYetValid},
		{plain, `{"sub":"ann","iat":` + at(time.Hour) + `}`, nil},
		{plain, `{"sub":"ann","exp":-1}`, auth.ErrExpired},
		{plain, `{"sub":"ann","exp":0}`, auth.ErrExpired},
		{plain, `{"sub":"ann","exp":1e300}`, auth.ErrMalformed},
		{plain, `{"sub":"ann","exp":1e400}`, auth.ErrMalformed},
		{plain, `{"sub":"ann","exp":-1e300}`, auth.ErrMalformed},
		{plain, `{"sub":"ann","exp":null}`, auth.ErrMalformed},
		{plain, `{"sub":"ann","exp":"1900000000"}`, auth.ErrMalformed},
		{plain, `{"sub":"ann","nbf":1e300}`, auth.ErrMalformed},
		{plain, `{"sub":"ann","nbf":"0"}`, auth.ErrMalformed},
		{plain, `{"sub":"ann","exp":1900000000,"exp":1}`, auth.ErrMalformed},
		{plain, `{"sub":"eve","sub":"ann"}`, auth.ErrMalformed},
		{plain, `{"exp":1900000000}`, auth.ErrSubject},
		{plain, `{"sub":""}`, auth.ErrSubject},
		{plain, `{"Sub":"ann"}`, auth.ErrSubject},
		{plain, `{"sub":17}`, auth.ErrMalformed},
		{plain, `{"sub":null}`, auth.ErrMalformed},
		{plain, "{\"sub\":\"ann\xff\"}", auth.ErrMalformed},
		{plain, `{"sub":"ann"}{}`, auth.ErrMalformed},
		{plain, `["sub"]`, auth.ErrMalformed},
		{plain, `null`, auth.ErrMalformed},
		{plain, ``, auth.ErrMalformed},
		{plain, `{"sub":"ann","deep":` + strings.Repeat("[", 5000) + `}`, auth.ErrMalformed},
		{ours, `{"sub":"ann","iss":"https://id.example","aud":"tutti"}`, nil},
		{ours, `{"sub":"ann","iss":"https://id.example","aud":["x","board"]}`, nil},
		{ours, `{"sub":"ann","iss":"https://id.example/","aud":"tutti"}`, auth.ErrIssuer},
		{ours, `{"sub":"ann","aud":"tutti"}`, auth.ErrIssuer},
		{ours, `{"sub":"ann","iss":"https://id.example","aud":["x"]}`, auth.ErrAudience},
		{ours, `{"sub":"ann","iss":"https://id.example","aud":[1,null]}`, auth.ErrAudience},
		{ours, `{"sub":"ann","iss":"https://id.example","aud":{"tutti":1}}`, auth.ErrAudience},
		{ours, `{"sub":"ann","iss":"https://id.example"}`, auth.ErrAudience},
	} {
		test.c.Keys = []auth.Source{auth.Secret(secret)}
		c, err := verifier(t, test.c).Verify(t.Context(), sign(jwa.HS256(), secret, "", test.payload))
		if !errors.Is(err, test.want) || (err == nil) != (c.Subject == "ann") {
			t.Errorf("Verify(%.80s) = %+v, %v, want %v", test.payload, c, err, test.want)
		}
	}
}

func TestNewRefusesKeys(t *testing.T) {
	small := must(rsa.GenerateKey(rand.Reader, 1024))
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(ecKey()))})
	for _, test := range []struct {
		name string
		keys []auth.Source
		want string
	}{
		{"none", nil, "no keys are configured"},
		{"zero source", make([]auth.Source, 1), "empty"},
		{"short secret", []auth.Source{auth.Secret(secret[:31])}, "at least 32"},
		{"short secret file", []auth.Source{auth.SecretFile(file(t, append(secret[:31:31], '\n')))}, "at least 32"},
		{"no file", []auth.Source{auth.PEMFile("no such file")}, "no such file"},
		{"no PEM", []auth.Source{auth.PEMFile(file(t, secret))}, "no public key"},
		{"private key", []auth.Source{auth.PEMFile(file(t, private))}, "PRIVATE KEY"},
		{"small RSA", []auth.Source{auth.PEMFile(file(t, pemOf(small)))}, "1024 bits"},
		{"other curve", []auth.Source{auth.PEMFile(file(t, pemOf(p384)))}, "P-256"},
		{"no JWKS", []auth.Source{auth.JWKS(file(t, secret))}, "JWK set"},
		{"empty JWKS", []auth.Source{auth.JWKS(file(t, jwksOf()))}, "no usable key"},
		{"small RSA in JWKS", []auth.Source{auth.JWKS(file(t, jwksOf(map[string]any{"kty": "RSA", "e": "AQAB", "n": b64(string(small.N.Bytes()))})))}, "no usable key"},
		{"secret in JWKS", []auth.Source{auth.JWKS(file(t, []byte(`{"keys":[{"kty":"oct","k":"`+b64(string(secret))+`"}]}`)))}, "no usable key"},
		{"huge file", []auth.Source{auth.JWKS(file(t, make([]byte, 2<<20)))}, "more than 1048576 bytes"},
		{"all mistakes", []auth.Source{auth.PEMFile("missing 1"), auth.JWKS("missing 2")}, "missing 2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := auth.New(auth.Config{Keys: test.keys})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("New = %v, want an error about %q", err, test.want)
			}
		})
	}
}

// A set may hold keys that are not for signatures; they are as good as absent.
func TestJWKSSkipsOtherKeys(t *testing.T) {
	set := jwksOf(
		map[string]any{"kty": "future", "kid": "f"},
		jwkOf("enc", rsaKey(), map[string]any{"use": "enc"}),
		jwkOf("pss", rsaKey(), map[string]any{"alg": "PS256"}),
		jwkOf("sig", ecKey(), map[string]any{"use": "sig", "alg": "ES256"}),
	)
	v := verifier(t, auth.Config{Keys: []auth.Source{auth.JWKS(file(t, set))}})
	if _, err := v.Verify(t.Context(), sign(jwa.ES256(), ecKey(), "sig", `{"sub":"ann"}`)); err != nil {
		t.Errorf("Verify with the set's signature key = %v", err)
	}
	for _, kid := range []string{"enc", "pss"} {
		if _, err := v.Verify(t.Context(), sign(jwa.RS256(), rsaKey(), kid, `{"sub":"ann"}`)); !errors.Is(err, auth.ErrUnknownKey) {
			t.Errorf("Verify with key %q = %v, want ErrUnknownKey", kid, err)
		}
	}
}
