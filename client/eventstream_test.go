package client_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tutti-rt/tutti/client"
)

func TestEventStream(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                       nil,
		"data: a":                                nil, // cut off
		"data: a\n":                              nil,
		"data: a\n\n":                            {"a"},
		"data:a\r\n\r\ndata:  b\r\rdata:c\n\r\n": {"a", " b", "c"},
		"id: e:1\nevent: x\nretry: 5\ndata: a\nid: e:2\n\n": {"a"},
		":\n: heartbeat\n\ndata: a\n\n:\n":                  {"a"},
		"data: a\ndata: b\n\n":                              {"a\nb"},
		"data\n\ndata:\n\nid: 5\n\n":                        nil,
		"\ufeffdata: a\n\n\ufeffdata: b\n\n":                {"a"},
		"database: a\n\nDATA: b\n\n data: c\n\n":            nil,
		"data: {\"a\":\":\"}\n\n":                           {`{"a":":"}`},
	} {
		for name, r := range map[string]io.Reader{"whole": strings.NewReader(text), "in bytes": iotest.OneByteReader(strings.NewReader(text))} {
			if got, err := client.ReadEvents(r, 1<<20); !errors.Is(err, io.EOF) || !slices.Equal(got, want) {
				t.Errorf("events of %q, %s = %q, %v, want %q", text, name, got, err, want)
			}
		}
	}
}

func TestEventStreamIsBounded(t *testing.T) {
	for _, text := range []string{
		"data: " + strings.Repeat("a", 2000), // without end
		strings.Repeat("data: "+strings.Repeat("a", 90)+"\n", 20),
		":" + strings.Repeat("a", 2000) + "\n",
	} {
		if _, err := client.ReadEvents(strings.NewReader(text), 1000); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("events of %.40q… = %v, want an error", text, err)
		}
	}
	fits := "data: " + strings.Repeat("a", 1000) + "\n\n"
	if got, err := client.ReadEvents(strings.NewReader(fits), 1000); len(got) != 1 || !errors.Is(err, io.EOF) {
		t.Errorf("events of 1000 bytes = %d, %v, want one", len(got), err)
	}
}

// events is what the standard says of a whole stream.
func events(text string) []string {
	text = strings.TrimPrefix(text, "\ufeff")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	lines := strings.Split(text, "\n")
	var all, data []string
	for _, line := range lines[:len(lines)-1] { // the last one has no end
		if line == "" {
			if joined := strings.Join(data, "\n"); joined != "" {
				all = append(all, joined)
			}
			data = nil
		}
		field, value, _ := strings.Cut(line, ":")
		if field == "data" {
			data = append(data, strings.TrimPrefix(value, " "))
		}
	}
	return all
}

func FuzzEventStream(f *testing.F) {
	f.Add("data: a\r\n\r\n:\n\ndata:b\rdata:c\n\n", 3)
	f.Add("\ufeffid: e:1\ndata: {}\n\n", 1)
	f.Fuzz(func(t *testing.T, text string, piece int) {
		var r io.Reader = strings.NewReader(text)
		switch piece % 3 {
		case 0:
			r = iotest.OneByteReader(r)
		case 1:
			r = iotest.HalfReader(r)
		}
		got, err := client.ReadEvents(r, 1<<20)
		if want := events(text); !errors.Is(err, io.EOF) || !slices.Equal(got, want) {
			t.Fatalf("events of %q = %q, %v, want %q", text, got, err, want)
		}
	})
}
