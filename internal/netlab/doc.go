// Package netlab is a network of hosts in one machine, for processes that are to be cut off from each other.
//
// Each host is a network namespace without a name, with one TUN device; the lab itself is the switch between them, and does to packets
// what bad networks do: delay, jitter, loss, reordering, duplicates, bounded rates, cuts of one direction, of a pair or of a host.
// It needs neither netem nor a packet filter in the kernel, nor any program. Whatever ends the lab's process
// ends the hosts, their processes and devices with it: nothing is left to be swept.
package netlab
