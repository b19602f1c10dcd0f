// Chat is a chat room that moderators see more of than others: what was removed, and who complained.
package main

import "github.com/tutti-rt/tutti/node"

func main() { node.Main(Rooms) }
