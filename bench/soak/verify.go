package soak

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/tutti-rt/tutti/journal"
)

// Verified counts what was held against the journal.
type Verified struct {
	Batches    int `json:"batches"`
	Records    int `json:"records"`
	Events     int `json:"events"`
	Entities   int `json:"entities"`
	Acked      int `json:"acknowledged"`   // each found once, at its revision, with its event
	Rejected   int `json:"rejected"`       // none found
	Unknown    int `json:"unknown"`        // of connections that went before the answer
	Carried    int `json:"unknown_stored"` // those of them that were found, once
	Called     int `json:"called"`         // commands with a key, each found once
	States     int `json:"states"`         // each the fold of the events up to its revision
	Deliveries int `json:"deliveries"`     // of events, each what is stored
	Transfers  int `json:"transfers"`      // each taken once
	Returned   int `json:"returned"`       // transfers that were declined, each once
	Alarms     int `json:"alarms"`         // each rang once, not before its time
	Money      int `json:"money"`          // deposited, and held in the end
}

// verifier holds notebooks against a journal.
type verifier struct {
	journal  journal.Journal
	failures *Failures
	entities map[journal.Entity]*written
	books    *books
	sum      Verified
}

// written is what the logs hold of one entity, read from their beginning.
type written struct {
	log    journal.Log
	mark   journal.Mark
	digest uint32
}

// Verify holds the notebooks in dir against the journal, whose logs it reads twice: each from its beginning, with
// the hash chain, and by entity. What it finds goes to the failures; an error means that it could not be
// looked at. Nothing else uses the journal meanwhile. It keeps one entity in memory at a time.
func Verify(ctx context.Context, j journal.Journal, dir string, failures *Failures) (Verified, error) {
	v := &verifier{journal: j, failures: failures, entities: make(map[journal.Entity]*written), books: newBooks()}
	if err := v.readLogs(ctx); err != nil {
		return v.sum, err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return v.sum, fmt.Errorf("read what was told: %w", err)
	}
	for _, f := range files {
		name, err := url.QueryUnescape(f.Name())
		category, id, ok := strings.Cut(name, "/")
		if err != nil || !ok {
			return v.sum, fmt.Errorf("%s is no notebook", f.Name())
		}
		e := journal.Entity{Category: category, ID: id}
		if err := v.entity(ctx, e, filepath.Join(dir, f.Name())); err != nil {
			return v.sum, fmt.Errorf("verify %s: %w", name, err)
		}
		delete(v.entities, e)
		v.sum.Entities++
	}
	for e, w := range v.entities {
		if strings.HasPrefix(e.Category, "tutti-") {
			continue // the platform's own
		}
		v.failures.add(Failure{Entity: e.String(), Revision: w.mark.Revision, Broken: "the journal has only entities of this run"})
	}
	if err := v.books.close(); err != nil {
		v.failures.add(Failure{Entity: "account", Broken: "money is neither made nor lost", Journal: err.Error()})
	}
	v.sum.Transfers, v.sum.Returned, v.sum.Money = v.books.Transfers, v.books.Returned, int(v.books.paid)
	return v.sum, nil
}

// readLogs reads every log from its beginning.
func (v *verifier) readLogs(ctx context.Context) error {
	partitions, err := v.journal.Partitions(ctx)
	if err != nil {
		return err
	}
	for _, p := range partitions {
		log, err := v.journal.Acquire(ctx, p)
		if err != nil {
			return err
		}
		for b, err := range log.Read(ctx, 0) {
			if err != nil {
				return err
			}
			v.sum.Batches++
			for i := range b.Records {
				v.record(log, &b.Records[i])
			}
		}
	}
	return nil
}

// record checks that a record follows the one before of its entity.
func (v *verifier) record(log journal.Log, r *journal.Record) {
	w := v.entities[r.Entity]
	if w == nil {
		w = &written{log: log}
		v.entities[r.Entity] = w
	}
	if next := (journal.Mark{Seq: w.mark.Seq + 1, Revision: w.mark.Revision + uint64(len(r.Events))}); r.Mark() != next {
		v.failures.add(Failure{
			Entity: r.Entity.String(), Revision: r.Revision, Broken: "revisions have no gaps",
			Journal: fmt.Sprintf("record %d at revision %d with %d events after record %d at revision %d", r.Seq, r.Revision, len(r.Events), w.mark.Seq, w.mark.Revision),
		})
	}
	w.mark = r.Mark()
	w.digest = digest(w.digest, r)
	v.sum.Records++
	v.sum.Events += len(r.Events)
}

// digest adds a record to the checksum of those before.
func digest(sum uint32, r *journal.Record) uint32 {
	var b []byte
	for _, n := range []uint64{r.Seq, r.Revision, uint64(r.At), r.Command, uint64(len(r.Events)), uint64(r.Wake)} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	b = append(append(b, r.By...), 0)
	b = append(b, r.Notes...)
	for _, e := range r.Events {
		b = append(append(b, e.Name...), 0)
		b = append(b, e.Data...)
	}
	return crc32.Update(sum, castagnoli, b)
}
