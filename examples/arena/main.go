// Arena is a game: players run about and catch coins. Its state is gone when nobody plays, so it is
// ephemeral, and the clock of the game is a timer that comes twenty times a second.
package main

import "github.com/tutti-rt/tutti/node"

func main() { node.Main(Arenas) }
