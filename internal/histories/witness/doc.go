// Package witness is a client at an entity of whom everything is taken down: what it asks for, what it is answered, and what it is shown.
//
// It plays at the three categories that package histories knows: counters, cells and accounts. Who runs it decides when it comes and goes.
package witness
