package journal

import (
	"context"
	"errors"
)

// ErrNoReplica means that this node holds no replica of the partition.
var ErrNoReplica = errors.New("journal: no replica here")

// ErrNotLeader means that another node leads the partition, or none.
var ErrNotLeader = errors.New("journal: not the leader")

// NodeID names a node that holds replicas, from 1. An ID is never given to another node.
type NodeID uint64

// Replicated is a Journal whose logs are held by several nodes: what Append has stored is stored durably by a majority
// of a partition's replicas. The replicas elect a leader, which alone may own the partition.
//
// Acquire waits until the node leads the partition, for as long as ctx allows. An owner that has lost the lead gets
// ErrFenced, or ErrUnknown for what was under way.
type Replicated interface {
	Journal
	// Node returns the ID of this node.
	Node() NodeID
	// Create makes p, with its only replica here and this node as its leader. It does nothing where there is a replica of p
	// already. Whoever calls it sees to it that no two nodes make the same partition.
	Create(ctx context.Context, p Partition) error
	// Replica returns what this node has of p, whoever owns it, or ErrNoReplica.
	Replica(ctx context.Context, p Partition) (Replica, error)
	// Status returns what this node knows of p, or ErrNoReplica.
	Status(p Partition) (Status, error)
	// Watch calls changed for every partition of which a replica is here now, and whenever its leader, its term, its voters
	// or its being here have changed, until stop is called. Calls come one at a time, several changes may become one
	// call, and changed must not block.
	Watch(changed func(Partition)) (stop func())
	// Reconfigure makes exactly these nodes the voters of p: new ones get what they miss before they count, and those left out
	// drop their replicas. It is called at the leader, and returns when the change is done. What was begun and
	// could not be finished, as when the lead is lost, is finished or undone by the next call.
	Reconfigure(ctx context.Context, p Partition, voters []NodeID) error
	// HandOver has the node given lead p, which has to be a voter that keeps up; else it is refused and nothing changes. It is
	// called at the leader, and returns once the lead is given up. An owner here finishes its appends before.
	HandOver(ctx context.Context, p Partition, to NodeID) error
}

// Replica is what one node has of a partition: batches that are stored by a majority, as far as it has heard. It may be behind
// the owner, and is safe for concurrent use.
type Replica interface {
	Reader
	History
	// Snapshot returns the newest snapshot of e that this node has, and false when there is none.
	Snapshot(ctx context.Context, e Entity) (Snapshot, bool, error)
}

// Status is what a node knows of a partition of which it holds a replica.
type Status struct {
	Partition Partition
	Leader    NodeID // 0: none is known
	Term      uint64 // of the election; rises with each
	Voters    []NodeID
	Learners  []NodeID // get the log and do not count yet
	End       Offset   // up to where this node has it
	// Behind says, at the leader, how many batches each other replica has not stored yet.
	Behind map[NodeID]uint64
}
