// Package bench loads a node over WebSockets, as many clients would, and says how it did.
//
// Its links do less than a real client (they look at the few bytes that matter of each frame), so
// that one core of load generator can keep one core of server busy. What they check all the same:
// that nothing which was acknowledged is missing, and that every viewer got every event, once and in order.
//
// The plots of how cost grows are drawn from results that were kept.
package bench

//go:generate go run ../internal/plots ../docs/data ../docs/images
