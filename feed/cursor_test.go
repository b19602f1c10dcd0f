package feed_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti/feed"
	"github.com/tutti-rt/tutti/journal"
)

const journalID = "0123456789abcdef_-XYZ"

var textForm = regexp.MustCompile(`^[A-Za-z0-9_.-]*$`)

func drawCursor(t *rapid.T, p journal.Partition) feed.Cursor {
	return feed.Cursor{
		Journal: journalID, Partition: p,
		Offset: journal.Offset(rapid.Uint64().Draw(t, "offset")), Index: rapid.IntRange(0, 1<<31-1).Draw(t, "index"),
	}
}

func TestCursorRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCursor(t, journal.Partition{Pool: rapid.StringMatching(`[a-z][a-z0-9-]{0,31}`).Draw(t, "pool"), Number: rapid.IntRange(0, 4095).Draw(t, "number")})
		text := c.String()
		if got, err := feed.ParseCursor(text); err != nil || got != c || !textForm.MatchString(text) {
			t.Fatalf("ParseCursor(%q) = %+v, %v, want %+v", text, got, err, c)
		}
	})
	if text := (feed.Cursor{}).String(); text != "" {
		t.Errorf("the zero Cursor is %q, want nothing", text)
	}
}

func TestCursorsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cs := make(feed.Cursors, rapid.IntRange(1, 20).Draw(t, "n"))
		for i := range cs {
			cs[i] = drawCursor(t, journal.Partition{Pool: "default", Number: i})
		}
		text := cs.String()
		if got, err := feed.ParseCursors(text); err != nil || !slices.Equal(got, cs) || !textForm.MatchString(text) {
			t.Fatalf("ParseCursors(%q) = %+v, %v, want %+v", text, got, err, cs)
		}
	})
	if text := make(feed.Cursors, 3).String(); text != "" {
		t.Errorf("Cursors that are zero are %q, want nothing", text)
	}
}

func TestParseCursorSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"":                                              "1 parts",
		journalID:                                       "1 parts",
		journalID + ".default.1.2":                      "4 parts",
		journalID + ".default.1.2.3.4":                  "6 parts",
		"short.default.1.2.3":                           "no journal's ID",
		"0123456789abcde!.default.1.2.3":                "no journal's ID",
		journalID + ".Default.1.2.3":                    "no pool",
		journalID + ".default.x.2.3":                    "partition",
		journalID + ".default.4096.2.3":                 "partition",
		journalID + ".default.1.-2.3":                   "offset",
		journalID + ".default.1.+2.3":                   "offset",
		journalID + ".default.1.02.3":                   "offset",
		journalID + ".default.1..3":                     "offset",
		journalID + ".default.1.2.":                     "index",
		journalID + ".default.1.2." + "9e1":             "index",
		journalID + ".default.1.18446744073709551616.0": "offset",
		journalID + ".default.1.2.2147483648":           "index",
		strings.Repeat("a", 200):                        "200 bytes",
	} {
		if _, err := feed.ParseCursor(text); !errors.Is(err, feed.ErrCursor) || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseCursor(%q) = %v, want one that says %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"": "no cursors", journalID + ".default.1.2.3": "no cursors", journalID + ".default.2.1_2": "no cursors",
		journalID + ".default.v3.1_2": "2 places for 3", journalID + ".default.v1.1-0": "left out",
		journalID + ".default.v4097.1": "number of partitions", journalID + ".default.v1.x": "offset", journalID + ".default.v1.1-x": "index",
		"x.default.v1.1": "no journal's ID",
	} {
		if _, err := feed.ParseCursors(text); !errors.Is(err, feed.ErrCursor) || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseCursors(%q) = %v, want one that says %q", text, err, want)
		}
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add(journalID + ".default.1.2.3")
	f.Add(journalID + ".a-b.4095.18446744073709551615.0")
	f.Add("....")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := feed.ParseCursor(text)
		if err == nil && c.String() != text || err != nil && !errors.Is(err, feed.ErrCursor) {
			t.Errorf("ParseCursor(%q) = %+v, %v", text, c, err)
		}
	})
}

func FuzzParseCursors(f *testing.F) {
	f.Add(journalID + ".default.v3.1_2-3_0")
	f.Add(journalID + ".default.v0.")
	f.Fuzz(func(t *testing.T, text string) {
		cs, err := feed.ParseCursors(text)
		if err == nil && cs.String() != text || err != nil && !errors.Is(err, feed.ErrCursor) {
			t.Errorf("ParseCursors(%q) = %+v, %v", text, cs, err)
		}
	})
}
