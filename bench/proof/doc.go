// Package proof loads a cluster while its nodes, disks, clocks and network fail by a schedule, measures how soon it serves again, and
// judges in the end what clients were told.
package proof
