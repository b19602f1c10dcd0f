//go:build !unix

package process

// FileLimit returns false: it is not known here.
func FileLimit() (int64, bool) { return 0, false }
