package diskjournal_test

import (
	"errors"
	"testing"

	"github.com/tutti-rt/tutti/journal/diskjournal"
)

// TestID: a journal is made with the ID that it is given, and one of another ID is refused.
func TestID(t *testing.T) {
	dir := t.TempDir()
	open := func(id string) error {
		j, err := diskjournal.Open(dir, diskjournal.Config{ID: id})
		if err != nil {
			return err
		}
		if id != "" && j.ID() != id {
			t.Errorf("ID = %s, want %s", j.ID(), id)
		}
		return j.Close()
	}
	const id = "0123456789abcdef"
	for range 2 {
		if err := open(id); err != nil {
			t.Fatal(err)
		}
	}
	if err := open(""); err != nil {
		t.Errorf("open any journal = %v", err)
	}
	if err := open("fedcba9876543210"); !errors.Is(err, diskjournal.ErrOtherJournal) {
		t.Errorf("open another journal = %v, want ErrOtherJournal", err)
	}
	if err := open("no id"); err == nil {
		t.Error("a malformed ID is taken")
	}
}
