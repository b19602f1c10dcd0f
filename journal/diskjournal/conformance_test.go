package diskjournal_test

import (
	"testing"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
	"github.com/tutti-rt/tutti/journal/journaltest"
)

func TestConformance(t *testing.T) {
	for name, c := range map[string]diskjournal.Config{
		"default":       {},
		"indexed early": {IndexBytes: 100, MemTableBytes: 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			dirs := make(map[journal.Journal]string)
			open := func(t testing.TB, dir string) journal.Journal {
				j, err := diskjournal.Open(dir, c)
				if err != nil {
					t.Fatal(err)
				}
				dirs[j] = dir
				return j
			}
			journaltest.Run(t,
				func(t testing.TB) journal.Journal { return open(t, t.TempDir()) },
				journaltest.Reopen(func(t testing.TB, j journal.Journal) journal.Journal {
					if err := j.Close(); err != nil {
						t.Fatal(err)
					}
					return open(t, dirs[j])
				}))
		})
	}
}
