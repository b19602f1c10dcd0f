// Package cluster says which node holds what: the nodes and their labels, the rules of pools, and where the replicas and
// leaders of every partition belong. Everything in it is a function of its arguments.
package cluster
