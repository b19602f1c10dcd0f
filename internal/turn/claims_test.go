package turn_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti/internal/turn"
)

func TestClaimsDecode(t *testing.T) {
	const in = `{"sub":"ann","iss":"us","exp":1700000000,"iat":1600000000.25,"aud":["a"],"role":"admin","Sub":"eve"}`
	var got turn.Claims
	if err := json.Unmarshal([]byte(in), &got); err != nil {
		t.Fatal(err)
	}
	want := turn.Claims{
		Subject: "ann", Issuer: "us", ExpiresAt: time.Unix(1700000000, 0), IssuedAt: time.UnixMilli(1600000000250),
		Extra: map[string]any{"aud": []any{"a"}, "role": "admin", "Sub": "eve"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Unmarshal(%s) differs (-want +got):\n%s", in, d)
	}
	if got.String("role") != "admin" || got.String("aud") != "" || got.String("sub") != "" {
		t.Errorf("String(role, aud, sub) = %q, %q, %q", got.String("role"), got.String("aud"), got.String("sub"))
	}
}

func TestClaimsRefuse(t *testing.T) {
	for _, in := range []string{
		`{"exp":1e300}`, `{"exp":-1e300}`, `{"exp":"1700000000"}`, `{"exp":null}`, `{"iat":[]}`,
		`{"sub":1}`, `{"sub":null}`, `{"iss":{}}`, `[]`, `{"sub":"ann"`,
	} {
		var c turn.Claims
		if err := json.Unmarshal([]byte(in), &c); err == nil {
			t.Errorf("Unmarshal(%s) = %+v, want an error", in, c)
		}
	}
}

func TestClaimsLeaveOutShadowedFields(t *testing.T) {
	out, err := json.Marshal(turn.Claims{Extra: map[string]any{"sub": "eve", "exp": 1, "n": 2}})
	if err != nil || string(out) != `{"n":2}` {
		t.Errorf("Marshal = %s, %v, want only n", out, err)
	}
}

// Claims survive the way from the edge to the owner.
func TestClaimsRoundTrip(t *testing.T) {
	names := rapid.StringMatching(`[a-z]{1,8}`).Filter(func(s string) bool {
		return !strings.Contains(" sub iss exp iat ", " "+s+" ")
	})
	values := rapid.OneOf(
		rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.Map(rapid.Float64Range(-1e15, 1e15), func(f float64) any { return f }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Just[any](nil),
		rapid.Map(rapid.SliceOfN(rapid.String(), 0, 3), func(s []string) any {
			list := make([]any, len(s))
			for i := range s {
				list[i] = s[i]
			}
			return list
		}),
	)
	date := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "none") {
			return time.Time{}
		}
		return time.UnixMilli(rapid.Int64Range(-1e15, 1e15).Draw(t, "ms"))
	})
	rapid.Check(t, func(t *rapid.T) {
		want := turn.Claims{
			Subject: rapid.String().Draw(t, "sub"), Issuer: rapid.String().Draw(t, "iss"),
			ExpiresAt: date.Draw(t, "exp"), IssuedAt: date.Draw(t, "iat"),
			Extra: rapid.MapOfN(names, values, 0, 4).Draw(t, "extra"),
		}
		if len(want.Extra) == 0 {
			want.Extra = nil
		}
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got turn.Claims
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatalf("Unmarshal(%s): %v", data, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("round trip differs (-want +got):\n%s", d)
		}
	})
}
