package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAxis(t *testing.T) {
	a := axis{log: true, from: 0, to: 100}
	a.take(0) // has no place
	a.take(12)
	a.take(9000)
	a.settle()
	if a.low != 10 || a.high != 10_000 {
		t.Errorf("from %g to %g, want 10 to 10,000", a.low, a.high)
	}
	if at := a.at(100); at < 33 || at > 34 {
		t.Errorf("at(100) = %g, want a third of the way", at)
	}
	if n := len(a.ticks()); n != 4 {
		t.Errorf("%d ticks, want one for each of 10, 100, 1,000, 10,000", n)
	}
	b := axis{from: 100, to: 0}
	b.take(7)
	b.settle()
	if b.low != 0 || b.high < 7 || b.at(0) != 100 || b.at(b.high) != 0 {
		t.Errorf("from %g to %g, at %g and %g, want 0 at 100", b.low, b.high, b.at(0), b.at(b.high))
	}
}

// TestDraw: the plot shows every point, is XML, and the same results give the same bytes.
func TestDraw(t *testing.T) {
	data, images := t.TempDir(), t.TempDir()
	text := `{"series":"load","what":"a <b> & c","points":[{"x":100,"values":{"p99_ms":5,"p50_ms":1}},{"x":1000,"values":{"p99_ms":50,"p50_ms":2}}]}`
	if err := os.WriteFile(filepath.Join(data, "growth-load.json"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var first []byte
	for range 2 {
		if err := draw(data, images); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(images, "growth-load.svg"))
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && !bytes.Equal(first, got) {
			t.Error("drawn twice, two different plots")
		}
		first = got
	}
	if n := strings.Count(string(first), "<circle"); n != 4 {
		t.Errorf("%d points in the plot, want 4", n)
	}
	d := xml.NewDecoder(bytes.NewReader(first))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the plot is no XML: %v", err)
		}
	}
	if names, _ := os.ReadDir(images); len(names) != 1 {
		t.Errorf("%d plots of one series", len(names))
	}
}
