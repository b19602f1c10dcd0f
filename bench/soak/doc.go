// Package soak loads a node for long while it is killed again and again, writes down what clients are told,
// and holds that against the journal in the end.
package soak
