// Package faults makes the disk and the clock of a running node do what disks and clocks sometimes do, on demand:
// syncs that take long or fail, no room left, a clock that is set.
package faults
