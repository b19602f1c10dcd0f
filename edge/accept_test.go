package edge_test

import (
	"testing"
	"time"

	"github.com/tutti-rt/tutti/edge"
)

func TestAccept(t *testing.T) {
	const events, json = "text/event-stream", "application/json"
	for _, c := range []struct{ accept, media string }{
		{events, events},
		{"TEXT/Event-Stream ; charset=utf-8", events},
		{json, json},
		{"*/*", json},
		{"application/*", json},
		{"text/html,application/xhtml+xml,*/*;q=0.8", json},
		{events + ", " + json, events},
		{json + ", " + events, events},
		{events + ";q=0.5, " + json, json},
		{events + ";q=0.5, */*;q=0.1", events},
		{events + ";q=0, " + json, json},
		{events + ";q=0", ""},
		{json + ";q=2", ""},
		{json + ";q=x", ""},
		{json + ";q=NaN", ""},
		{"text/*", ""},
		{"image/png", ""},
		{"", ""},
		{",;,=,;q=", ""},
	} {
		if media, _, _, _ := edge.Negotiate(c.accept, ""); media != c.media {
			t.Errorf("Accept: %s gets %q, want %q", c.accept, media, c.media)
		}
	}
}

// FuzzNegotiation wants headers of any shape to mean something that there is, or to be refused.
func FuzzNegotiation(f *testing.F) {
	f.Add("text/event-stream, application/json;q=0.5", "wait=25", "e1:7")
	f.Add("*/*;q=1e-9", `respond-async, wait="60"; x`, "e1:07")
	f.Add(";;;,,,q=", "wait=99999999999999999999", ":")
	f.Fuzz(func(t *testing.T, accept, prefer, last string) {
		media, wait, asked, ok := edge.Negotiate(accept, prefer)
		if media != "" && media != "text/event-stream" && media != "application/json" {
			t.Errorf("Accept: %q gets %q", accept, media)
		}
		if wait < 0 || wait > time.Minute || !ok && !asked || wait > 0 && !asked {
			t.Errorf("Prefer: %q means a wait of %v, asked %t, ok %t", prefer, wait, asked, ok)
		}
		if cursor, status := edge.LastEvent(last); status == 0 && cursor != last || status != 0 && status != 400 {
			t.Errorf("Last-Event-ID: %q means %q, refused with %d", last, cursor, status)
		}
	})
}
