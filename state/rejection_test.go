package state_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// TestRejectionsAreShort has clients send long names, which messages repeat. Messages are kept with the
// outcomes of commands, for every connection, and a command that is sent again gets the same one.
func TestRejectionsAreShort(t *testing.T) {
	for offset := range 3 {
		t.Run(fmt.Sprintf("offset %d", offset), func(t *testing.T) {
			inWorld(t, state.Config{}, func(t *testing.T, w *world) {
				a := w.attach("sum", "1", "ann", conn1)
				name := strings.Repeat("x", offset) + strings.Repeat("漢", 100_000)
				a.command(1, name, `{}`)
				a.query(2, name, `{}`)
				a.command(1, name, `{}`)
				synctest.Wait()
				rejects, first := 0, ""
				for _, e := range a.got {
					if e.Kind != wire.KindReject {
						continue
					}
					rejects++
					if first == "" {
						first = e.Message
					} else if e.Command == 1 && e.Message != first {
						t.Errorf("the repeated command got %q, want %q", e.Message, first)
					}
					if n := len(e.Message); n < 500 || n > 512 || !utf8.ValidString(e.Message) {
						t.Errorf("rejection of %d has %d bytes, UTF-8: %t", e.Command, n, utf8.ValidString(e.Message))
					}
				}
				if rejects != 3 {
					t.Errorf("got %d rejections, want 3", rejects)
				}
			}, sums())
		})
	}
}
