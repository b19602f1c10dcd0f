// Package diskjournal is the journal on disk, in one Pebble store for all partitions.
//
// Each partition's log is that of a Raft group. Appends of all partitions that wait at the same time are gathered into one
// synced write. A batch is one entry and one value in it, with a checksum over its bytes and the hash of the batch before. What is derived from
// the logs (runs of one entity's records, wakes by time) is written behind them, unsynced, together
// with the offset that it reaches; the rest of the log, its tail, is answered from memory and read
// again after a crash.
//
// With Config.Cluster the groups have replicas on other nodes, which are reached through Peers. Whoever opens such a journal
// has it Run, and passes on what other nodes send.
//
// Goroutines exist only while there is something to do: to propose and commit, or to index. Calls start them, and Close waits for them.
//
// After a failed write or sync the journal stops: nothing more is acknowledged or read, and the directory is
// left as it is. Opening it again recovers everything that was acknowledged.
//
// docs/journal.md describes the layout on disk, and which damage is detected how.
package diskjournal
