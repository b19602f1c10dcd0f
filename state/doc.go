// Package state is the state node: it owns partitions and runs the turns of their entities.
//
// A message for an entity arrives from the bus at the partition ([partition.deliver]), waits in
// the entity's mailbox, and is taken by the goroutine that the entity has while it has work
// ([entity.run]). Its turn decides; what it wrote and what it does to the outside join the
// partition's open batch ([partition.commit]). One committer for each partition appends a batch
// while the next fills up, and once it is durable its effects leave in order ([partition.settle]).
//
// Locks: a partition's mutex guards its entities' mailboxes, its open batch and its order of use. It is
// never held across I/O, the bus or application code. What an entity knows (state, ledger, links,
// members) belongs to the goroutine of its turn; between two bursts of work the mutex hands it on.
package state
