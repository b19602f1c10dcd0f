// Package platform has the categories of the entities that the platform keeps for itself: durable like any other, and
// reached by edges alone, since no client can address a category with such a name.
package platform

import (
	"strings"

	"github.com/tutti-rt/tutti/internal/turn"
)

// Prefix begins the names of these categories, and of no application's.
const Prefix = turn.PlatformPrefix

// Reserved reports whether a category of that name is the platform's.
func Reserved(name string) bool { return strings.HasPrefix(name, Prefix) }
