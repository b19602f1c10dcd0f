package edge

// In the package, since the moments at which links were read cannot be chosen from outside.

import (
	"testing"
	"time"
)

// TestBucketOfManyLinks: links share a subject's bucket and are read at their own moments, so that one that was
// read seconds ago may take after one that was read just now.
func TestBucketOfManyLinks(t *testing.T) {
	const rate = 100
	b := full(0, rate)
	if !b.take(int64(10*time.Second), 1, rate, rate) {
		t.Error("a full bucket gives nothing")
	}
	if !b.take(int64(5*time.Second), 1, rate, rate) {
		t.Error("a link that was read 5 s before the last one gets nothing, though 99 are there")
	}
	if !b.take(int64(10*time.Second), 98, rate, rate) || b.take(int64(10*time.Second), 1, rate, rate) {
		t.Error("want 98 more and no 99th")
	}
}
