// Package clustersim holds a simulation of a cluster, in tests alone: several nodes with their journals, routers, state nodes and edges
// live in one process under the clock of testing/synctest, on disks, a bus, connections and a network in memory that fail by a schedule. The schedule
// and what clients do are chosen by a seed. What clients were told is judged in the end.
//
// The seed decides which faults come and when, what clients ask, and the sources that delays and losses are drawn from. It does not decide in which order
// goroutines run that can run at the same moment: a seed that is run again may go another way, which -count makes use of.
package clustersim
