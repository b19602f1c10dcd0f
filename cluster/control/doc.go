// Package control is a node's part in running its cluster: it finds the others and remembers who it is, tells what it
// learns of the registry, carries out changes of the partitions that it leads, and, where the registry is owned, decides them.
//
// A process calls [Enter] before anything else: it says who the node is. Then it opens its journal, makes its connections to
// other nodes, and runs a [Member]; or, where it holds no data, a [Follower].
package control
