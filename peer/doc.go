// Package peer is the connections between the nodes of one cluster: who is let in, what is sent to whom, and the news that
// a node has gone.
//
// Nodes trust each other by TLS 1.3 with certificates on both sides ([Credentials]): from files, or issued by each process to
// itself from one secret of the cluster.
//
// A [Mesh] keeps one connection with each other node. Frames travel on it by channels: each channel keeps its order, has its own bounded
// queue, and sending never waits. Large answers and calls take connections of their own ([Mesh.Open], [Mesh.Call]).
//
// docs/cluster.md says what is refused and why.
package peer
