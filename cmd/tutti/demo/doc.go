// Package demo is the application that tutti shows itself with: a counter, a chat room, a shared
// text and a board, with a page that puts them together.
package demo

import "github.com/tutti-rt/tutti"

// Categories returns the categories of the demo.
func Categories() []*tutti.Category {
	return []*tutti.Category{Counters, Rooms, Pads, Boards}
}

// subject shows others who somebody is.
func subject(c tutti.Claims) string { return c.Subject }
