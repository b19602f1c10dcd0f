package cluster_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/cluster"
)

// TestLayoutsThatAreNone: whatever is sent in place of a layout, it is refused soon.
func TestLayoutsThatAreNone(t *testing.T) {
	const length = 64 << 10
	deeper := new(strings.Builder)
	for i := 0; deeper.Len() < length/2; i++ {
		fmt.Fprintf(deeper, "%*sa:\n", i, "")
	}
	for name, text := range map[string]string{
		"lists": strings.Repeat("[", length), "maps": strings.Repeat("{", length), "maps of maps": strings.Repeat("{a: ", length/4),
		"items": strings.Repeat("- ", length/2), "keys": strings.Repeat("? ", length/2), "colons": strings.Repeat(": ", length/2),
		"indents": deeper.String(), "anchors": strings.Repeat("&a ", length/3), "tags": strings.Repeat("!!a ", length/4),
		"quotes": strings.Repeat(`"`, length), "pairs": strings.Repeat("[]", length/2), "nothing": strings.Repeat("\x00", length),
		"documents": strings.Repeat("---\n", length/4), "commas": strings.Repeat(",", length),
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			l, err := cluster.ParseLayout(strings.NewReader(text))
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
			t.Logf("%v %.100v", time.Since(began), err)
			if err == nil && name != "documents" {
				t.Errorf("it is the layout %+v", l)
			}
		})
	}
}
