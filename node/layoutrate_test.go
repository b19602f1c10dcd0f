package node_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
)

type (
	shelf  struct{ Bytes int }
	lay    struct{ Text string }
	wasPut struct{ Text string }
)

// newShelf returns a category whose events are large.
func newShelf() *tutti.Category {
	return tutti.NewCategory("shelf",
		tutti.OnCommand(func(t *tutti.Turn[shelf], c lay) error {
			t.Emit(wasPut(c))
			return nil
		}),
		tutti.OnEvent(func(s *shelf, e wasPut) { s.Bytes += len(e.Text) }),
	)
}

// TestLayoutBoundsCopies has an operator allow little while a node serves, and two others join it then.
func TestLayoutBoundsCopies(t *testing.T) {
	const rate, each, held = 64 << 10, 8 << 10, 256 << 10
	s := newSeveral(t)
	c := s.node("a")
	c.Categories = append(c.Categories, newShelf())
	a := start(t, c)
	text, _ := json.Marshal(map[string]any{"name": "lay", "data": lay{strings.Repeat("x", each)}})
	for range held / each {
		if got := a.call(t, "shelf/x", "ann", string(text)); got.status != http.StatusOK {
			t.Fatalf("lay = %d %s", got.status, got.body)
		}
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+a.AdminAddr().String()+"/admin/v1/cluster/apply", strings.NewReader("rate: 65536\n"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+adminToken)
	answer, err := http.DefaultClient.Do(request)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("apply = %v, %v", answer, err)
	}
	_ = answer.Body.Close()
	began := time.Now()
	for _, name := range []string{"b", "c"} {
		c := s.node(name)
		c.Categories = append(c.Categories, newShelf())
		start(t, c)
	}
	s.calm(a, 3)
	if took, least := time.Since(began), time.Duration(held/rate-1)*time.Second; took < least {
		t.Errorf("copies of %d bytes took %v, want %v at least with %d bytes a second", held, took, least, rate)
	}
}
