// Package continuity has the clients of this repository, in Go and in TypeScript, take part in a soak as an application
// would use them, over every transport and a network that cuts links at any byte.
package continuity
