package auth_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
)

func TestTicketCarriesClaims(t *testing.T) {
	want := tutti.Claims{
		Subject: "ann", Issuer: "us", IssuedAt: time.UnixMilli(1_700_000_000_123), ExpiresAt: time.Unix(1_800_000_000, 0),
		Extra: map[string]any{"role": "admin", "aud": []any{"a", "b"}},
	}
	at := time.UnixMilli(1_750_000_000_456)
	one, err := auth.NewTickets([]byte("the secret")).Seal(want, at)
	if err != nil {
		t.Fatal(err)
	}
	// Another edge with the same secret.
	tickets := auth.NewTickets([]byte("the secret"))
	id, got, when, err := tickets.Open(one)
	if err != nil || !when.Equal(at) || len(id) != 24 {
		t.Fatalf("Open = %q, %v, %v", id, when, err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("claims differ (-want +got):\n%s", d)
	}
	two, _ := tickets.Seal(want, at)
	if other, _, _, err := tickets.Open(two); err != nil || other == id || one == two {
		t.Errorf("two tickets of the same claims have the ids %q and %q, %v", id, other, err)
	}
}

func TestTicketsOfOthers(t *testing.T) {
	tickets := auth.NewTickets([]byte("the secret"))
	good, err := tickets.Seal(tutti.Claims{Subject: "ann"}, time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	foreign, _ := auth.NewTickets([]byte("another secret")).Seal(tutti.Claims{Subject: "ann"}, time.Unix(1, 0))
	bad := []string{
		"", "x", foreign, good + "A", good + "=", "A" + good, good[:20] + "\n" + good[20:], good + "\r\n",
		strings.Repeat("A", auth.MaxTicketBytes), strings.Repeat("A", 1<<20),
	}
	for i := range good {
		bad = append(bad, good[:i])
		flipped := []byte(good)
		flipped[i] ^= 1
		bad = append(bad, string(flipped))
	}
	for _, text := range bad {
		if id, c, _, err := tickets.Open(text); !errors.Is(err, auth.ErrTicket) || id != "" || c.Subject != "" {
			t.Errorf("Open(%.60q) = %q, %v, %v, want ErrTicket and nothing else", text, id, c, err)
		}
	}
}

// The claims of the largest token fit into a ticket that is looked at.
func TestLargestTicket(t *testing.T) {
	tickets := auth.NewTickets([]byte("the secret"))
	large := tutti.Claims{Subject: "ann", Extra: map[string]any{"x": strings.Repeat("y", auth.MaxTokenBytes*3/4)}}
	text, err := tickets.Seal(large, time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := tickets.Open(text); err != nil {
		t.Errorf("Open of a ticket of %d bytes: %v", len(text), err)
	}
	large.Extra["x"] = strings.Repeat("<", auth.MaxTokenBytes/2) // escaped, it is longer
	if _, err := tickets.Seal(large, time.Unix(1, 0)); !errors.Is(err, auth.ErrTooLarge) {
		t.Errorf("Seal of claims that are too large = %v, want ErrTooLarge", err)
	}
}

func FuzzOpenTicket(f *testing.F) {
	tickets := auth.NewTickets([]byte("the secret"))
	for _, c := range []tutti.Claims{{}, {Subject: "ann", ExpiresAt: time.Unix(2_000_000_000, 0)}} {
		text, err := tickets.Seal(c, time.Unix(1, 0))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, text string) {
		id, c, at, err := tickets.Open(text)
		if err != nil {
			if !errors.Is(err, auth.ErrTicket) {
				t.Errorf("Open(%q) = %v", text, err)
			}
			return
		}
		// Nobody without the key makes one: it is one of the seeds.
		again, err := tickets.Seal(c, at)
		if err != nil {
			t.Fatal(err)
		}
		if other, c2, _, err := tickets.Open(again); err != nil || other == id || cmp.Diff(c, c2) != "" {
			t.Errorf("Open(Seal(%v)) = %q, %v, %v", c, other, c2, err)
		}
	})
}

func BenchmarkOpenTicket(b *testing.B) {
	tickets := auth.NewTickets([]byte("the secret"))
	good, err := tickets.Seal(tutti.Claims{Subject: "ann", ExpiresAt: time.Unix(2_000_000_000, 0)}, time.Unix(1, 0))
	if err != nil {
		b.Fatal(err)
	}
	forged := good[:len(good)-2] + "AA"
	for name, text := range map[string]string{"good": good, "forged": forged} {
		b.Run("ticket="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _, _, _ = tickets.Open(text)
			}
		})
	}
}
