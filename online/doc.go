// Package online knows which subjects have a link anywhere.
//
// What it knows is soft state, in shards by the hash of the subject, each at an address on the bus. Every edge has an
// [Agent] that reports to each shard when the first link of a subject comes and when the last one has been gone for a while, in
// numbered batches. A shard that misses a batch, or begins anew, has the edge tell everything again; an edge that is not heard of for
// longer than Timing.TTL has no subjects any more. So the directory costs a message for each edge, shard and Timing.Beat, however many
// subjects there are, and batches for those that come and go.
//
// Whoever wants to know of changes has its agent watch those subjects. What a change costs is in proportion to who watches that
// subject.
package online
