// Package trial is what benchmarks load beyond the demo's categories: entities of any size, and handlers
// that do what handlers should not.
package trial

import "github.com/tutti-rt/tutti"

// Categories returns the categories of the trials.
func Categories() []*tutti.Category {
	return []*tutti.Category{
		Accounts,
		Alarms,
		Beans,
		Canvases,
		Cells,
		Feeders,
		Hazards,
		Sheets,
		Sowers,
		Tallies,
	}
}
