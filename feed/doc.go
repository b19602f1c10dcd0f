// Package feed streams recorded events to consumers: live views, reports, other systems.
//
// A [Source] yields what one partition's log holds after a [Cursor], in pages, and waits for more at the end. [Local]
// reads the replicas of its own node, [Remote] asks nodes over HTTP for theirs, which [Handler] serves. A [Consumer] follows
// all partitions of a pool and stores how far it has come.
//
// Items come in the order of their partition, and so in the order of their entity; there is no order between
// partitions. Each comes at least once: again after a consumer has ended between handling items and storing its
// cursor. Nothing comes that is not durable. The pace is the consumer's: at most a page is read ahead of it.
//
// The feed is the operator's and sees everything: also events that no audience sees, and data that clients are not shown.
// What the platform records for itself is left out unless its category is asked for.
package feed
