package auth // in-package: what files and URLs hold is parsed behind New and Run

import "testing"

// Whatever an issuer answers is refused or gives keys of a known algorithm and a safe size.
func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"d","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"oct","k":"AQAB"},null,7]}`))
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, parse := range []func([]byte, func(string, error)) ([]key, error){parseJWKS, parsePEM} {
			keys, err := parse(data, func(string, error) {})
			if (err == nil) != (len(keys) > 0) {
				t.Fatalf("parse(%q) = %d keys, %v", data, len(keys), err)
			}
			for _, k := range keys {
				if again, err := newKey(k.id, k.public); err != nil || again.algorithm != k.algorithm || k.algorithm.String() == "HS256" {
					t.Fatalf("parse(%q) gave a key for %s: %v", data, k.algorithm, err)
				}
			}
		}
	})
}
