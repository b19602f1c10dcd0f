package wire_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tutti-rt/tutti/wire"
)

func TestNames(t *testing.T) {
	for _, c := range []struct {
		what  string
		valid func(string) bool
		yes   []string
		no    []string
	}{
		{"ValidCategory", wire.ValidCategory, []string{"a", "room-2", "a" + strings.Repeat("9", 31)}, []string{"", "A", "2a", "-a", "a_b", "ä", "a" + strings.Repeat("9", 32)}},
		{"ValidID", wire.ValidID, []string{"1", "a b?c#%", "日本", strings.Repeat("x", 128)}, []string{"", "a/b", "a\x00", "a\n", "\x7f", "\u0085", "\xff", strings.Repeat("x", 129)}},
		{"ValidConn", wire.ValidConn, []string{"0123456789abcdef", "A_-" + strings.Repeat("z", 61)}, []string{"", "0123456789abcde", "0123456789abcde.", strings.Repeat("z", 65)}},
		{"ValidEpoch", wire.ValidEpoch, []string{"e", strings.Repeat("-", 32)}, []string{"", "e:1", strings.Repeat("e", 33)}},
	} {
		for _, s := range c.yes {
			if !c.valid(s) {
				t.Errorf("%s(%q) = false", c.what, s)
			}
		}
		for _, s := range c.no {
			if c.valid(s) {
				t.Errorf("%s(%q) = true", c.what, s)
			}
		}
	}
}

func TestParseCursor(t *testing.T) {
	for _, s := range []string{"e:0", "A-z_9:42", "e:9007199254740991"} {
		c, err := wire.ParseCursor(s)
		if err != nil || c.String() != s {
			t.Errorf("ParseCursor(%q) = %v, %v", s, c, err)
		}
	}
	for _, s := range []string{"", "e", ":1", "e:", "e:-1", "e:+1", "e:01", "e:1.0", "e:1:2", "e:9007199254740992", "e:99999999999999999999999", "é:1", "e: 1"} {
		if c, err := wire.ParseCursor(s); !errors.Is(err, wire.ErrCursor) {
			t.Errorf("ParseCursor(%q) = %v, %v, want ErrCursor", s, c, err)
		}
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add("e:42")
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := wire.ParseCursor(s); err == nil && c.String() != s {
			t.Fatalf("ParseCursor(%q).String() = %q", s, c.String())
		}
	})
}

func TestCloseCode(t *testing.T) {
	for code, want := range map[string]int{
		wire.EndReplaced: 4409, wire.EndTokenExpired: 4401, wire.EndDraining: 4503, wire.EndSlowConsumer: 4508, "kicked": 4403,
	} {
		if got := wire.CloseCode(code); got != want {
			t.Errorf("CloseCode(%s) = %d, want %d", code, got, want)
		}
	}
}
