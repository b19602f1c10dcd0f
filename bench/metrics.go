package bench

import (
	"context"
)

// Metrics asks the server for its figures by name, counters and gauges.
type Metrics func(ctx context.Context) (map[string]float64, error)

// read returns the figures as they are now, none where they are not known.
func (m Metrics) read(ctx context.Context) map[string]float64 {
	if m == nil {
		return nil
	}
	figures, err := m(ctx)
	if err != nil {
		return nil
	}
	return figures
}

// Batches is how the server grouped what it stored.
type Batches struct {
	Syncs   uint64  `json:"synced_writes"`
	Batches uint64  `json:"batches"`
	Records uint64  `json:"records"`
	PerSync float64 `json:"records_per_sync"`
	Each    float64 `json:"records_per_batch"`
}

// batchesBetween returns what was stored between two readings, nil when one of them has nothing.
func batchesBetween(before, after map[string]float64) *Batches {
	of := func(name string) uint64 { return uint64(after[name] - before[name]) }
	b := Batches{Syncs: of("tutti_journal_synced_writes_total"), Batches: of("tutti_state_batches_total"), Records: of("tutti_state_records_total")}
	if len(before) == 0 || b.Batches == 0 {
		return nil
	}
	b.Each = float64(b.Records) / float64(b.Batches)
	if b.Syncs > 0 {
		b.PerSync = float64(b.Records) / float64(b.Syncs)
	}
	return &b
}
