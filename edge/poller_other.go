//go:build !linux

package edge

// poller has nothing to do where every link has a goroutine that reads.
type poller struct{}

func (*poller) stop() {}
